/** WebSockets as a browser gives them, played by the test. */
export class FakeSocket {
  static made: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readyState = 0;
  readonly sent: string[] = [];
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[]
  ) {
    FakeSocket.made.push(this);
  }

  static get last(): FakeSocket {
    return FakeSocket.made.at(-1)!;
  }

  static make = (url: string, protocols: string[]): WebSocket => new FakeSocket(url, protocols) as unknown as WebSocket;

  get frames(): Record<string, unknown>[] {
    return this.sent.map(text => JSON.parse(text) as Record<string, unknown>);
  }

  /** The server accepts, and says hello. */
  accept(): void {
    this.readyState = 1;
    this.onopen?.();
    this.say({ type: 'hello' });
  }

  say(...frames: unknown[]): void {
    this.raw(frames.map(frame => JSON.stringify(frame)).join('\n'));
  }

  raw(data: unknown): void {
    this.onmessage?.({ data });
  }

  drop(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
    this.readyState = 2;
  }
}
