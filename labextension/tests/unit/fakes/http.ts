type Answer = (path: string, init: RequestInit) => Response | Promise<Response>;

export const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });

export const failure = (
  code: string,
  status: number,
  message = code,
  details: Record<string, unknown> = {}
): Response => json({ code, message, details, reason: null }, status);

/** HTTP as a browser gives it, played by the test; requests that nobody foresaw fail. */
export class FakeHttp {
  readonly asked: string[] = [];
  readonly bodies: unknown[] = [];
  private readonly answers = new Map<string, Answer>();

  /** `route` is `GET me` and the like, without the query. */
  on(route: string, answer: Answer | unknown): this {
    this.answers.set(route, typeof answer === 'function' ? (answer as Answer) : () => json(answer));
    return this;
  }

  fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const path = String(url).replace('https://jupyter.example.org/api/aichat/v1/', '');
    const route = `${init.method ?? 'GET'} ${path.replace(/\?.*/, '')}`;
    this.asked.push(`${init.method ?? 'GET'} ${path}`);
    this.bodies.push(typeof init.body === 'string' ? JSON.parse(init.body) : undefined);
    const answer = this.answers.get(route);
    if (!answer) {
      throw new TypeError('Failed to fetch');
    }
    return answer(path, init);
  };

  count = (request: string): number => this.asked.filter(asked => asked === request).length;
}

/** A response that goes on: the test writes its bytes. */
export class FakeStream {
  readonly response: Response;
  private controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(init: RequestInit = {}) {
    const body = new ReadableStream<Uint8Array>({ start: controller => void (this.controller = controller) });
    this.response = new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
    init.signal?.addEventListener('abort', () => this.break());
  }

  write(text: string | Uint8Array): void {
    this.controller.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  }

  end(): void {
    this.controller.close();
  }

  break(): void {
    this.controller.error(new TypeError('network error'));
  }
}
