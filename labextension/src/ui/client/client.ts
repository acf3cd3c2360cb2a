import type { AckFrame, ClientFrame, ServerFrame } from '../protocol.generated';
import { ApiError } from './errors';
import type { Closed, Connection, Method, Transport } from './transport';

export interface ConnectionState {
  state: 'connecting' | 'online' | 'reconnecting' | 'refused';
  via: 'socket' | 'sse' | 'comm';
  /** When this state began (ms). */
  since: number;
}

export interface Listener {
  onState(state: ConnectionState): void;
  onFrame(frame: ServerFrame): void;
  /** Connected, first or again: what was missed must be asked for. */
  onOnline(): void;
}

export type Sending = Extract<ClientFrame, { type: 'send' | 'edit' | 'regenerate' | 'continue' }>;

const FIRST_DELAY_MS = 300;
const LAST_DELAY_MS = 30_000;
const ACK_MS = 8_000;
const PING_MS = 20_000;
const PONG_MS = 8_000;
const FAILURES_BEFORE_SSE = 3;
const SOCKET_AGAIN_MS = 120_000;

interface Waiting {
  frame: ClientFrame;
  resolve(ack: AckFrame): void;
  reject(error: ApiError): void;
  sent: number;
}

/**
 * One living connection: comes back by itself with back-off, sends again what was not acknowledged (the server knows
 * it by its key), and says visibly how it stands.
 */
export class Client {
  private connection: Connection | null = null;
  private open = false;
  private state: ConnectionState = { state: 'connecting', via: 'socket', since: Date.now() };
  private waiting = new Map<string, Waiting>();
  private failures = 0;
  private neverOpened = 0;
  private fallbackUntil = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private tickTimer: ReturnType<typeof setInterval> | undefined;
  private pingedAt = 0;
  private heardAt = 0;
  private count = 0;
  private stopped = true;

  constructor(
    private readonly transport: Transport,
    private readonly listener: Listener,
    private readonly random: () => number = Math.random
  ) {}

  start(): void {
    this.stopped = false;
    window.addEventListener('online', this.comeBack);
    document.addEventListener('visibilitychange', this.comeBack);
    this.tickTimer = setInterval(this.tick, 1000);
    this.connect();
  }

  dispose(): void {
    this.stopped = true;
    window.removeEventListener('online', this.comeBack);
    document.removeEventListener('visibilitychange', this.comeBack);
    clearInterval(this.tickTimer);
    clearTimeout(this.retryTimer);
    this.connection?.close();
    this.connection = null;
    this.waiting.forEach(w => w.reject(new ApiError('network', 'closed')));
    this.waiting.clear();
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    return this.transport.request(method, path, body);
  }

  /** Sends a frame, now or when connected, until it is acknowledged or refused. */
  ask(frame: ClientFrame): Promise<AckFrame> {
    const id = `f${++this.count}`;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { frame: { ...frame, id }, resolve, reject, sent: 0 };
      this.waiting.set(id, waiting);
      this.transmit(waiting);
    });
  }

  /** Sends a frame if connected; nothing waits for it. */
  tell(frame: ClientFrame): void {
    if (this.open) {
      this.connection?.send(frame);
    }
  }

  /** Tries at once: a person asked, the network is back, the page is seen again. */
  comeBack = (): void => {
    if (!this.stopped && !this.open && !document.hidden && this.state.state !== 'refused') {
      this.failures = 0;
      clearTimeout(this.retryTimer);
      this.connect();
    } else if (!this.stopped && this.open && !document.hidden) {
      this.ping();
    }
  };

  private connect(): void {
    if (this.stopped) {
      return;
    }
    this.connection?.close();
    let current = true;
    const handlers = {
      onOpen: () => current && this.onOpen(),
      onFrame: (frame: ServerFrame) => current && this.onFrame(frame),
      onClose: (closed: Closed) => {
        if (current) {
          current = false;
          this.onClose(closed);
        }
      }
    };
    const opened = this.transport.open(handlers, Date.now() < this.fallbackUntil);
    this.connection = {
      via: opened.via,
      send: frame => opened.send(frame),
      close: () => {
        current = false;
        opened.close();
      }
    };
  }

  private onOpen(): void {
    this.open = true;
    this.failures = this.neverOpened = 0;
    this.heardAt = Date.now();
    this.pingedAt = 0;
    this.setState('online');
    this.listener.onOnline();
    this.waiting.forEach(w => this.transmit(w));
  }

  private onFrame(frame: ServerFrame): void {
    this.heardAt = Date.now();
    if (frame.type === 'ack' || frame.type === 'error') {
      const waiting = this.waiting.get(String(frame.id));
      if (waiting) {
        this.waiting.delete(String(frame.id));
        if (frame.type === 'ack') {
          waiting.resolve(frame);
        } else {
          waiting.reject(new ApiError(frame.code, frame.message, frame.details, 400));
        }
        return;
      }
    }
    this.listener.onFrame(frame);
  }

  private onClose(closed: Closed): void {
    const wasOpen = this.open;
    this.open = false;
    this.connection = null;
    if (this.stopped) {
      return;
    }
    if (!wasOpen && ++this.neverOpened >= FAILURES_BEFORE_SSE && Date.now() >= this.fallbackUntil) {
      this.neverOpened = 0;
      this.fallbackUntil = Date.now() + SOCKET_AGAIN_MS;
    }
    if (!closed.retry) {
      this.setState('refused');
      return;
    }
    this.setState('reconnecting');
    const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures++);
    this.retryTimer = setTimeout(() => this.connect(), this.random() * ceiling);
  }

  private transmit(waiting: Waiting): void {
    if (this.open && this.connection) {
      waiting.sent = Date.now();
      this.connection.send(waiting.frame);
    }
  }

  private tick = (): void => {
    if (!this.open) {
      return;
    }
    const now = Date.now();
    for (const waiting of this.waiting.values()) {
      if (now - waiting.sent > ACK_MS) {
        this.transmit(waiting);
      }
    }
    if (this.pingedAt && now - this.pingedAt > PONG_MS && this.heardAt < this.pingedAt) {
      this.connection?.close(); // half open: nobody hears us
      this.onClose({ code: 1006, retry: true });
    } else if (!document.hidden && now - Math.max(this.heardAt, this.pingedAt) > PING_MS) {
      this.ping();
    }
  };

  private ping(): void {
    this.pingedAt = Date.now();
    this.connection?.send({ type: 'ping' });
  }

  private setState(state: ConnectionState['state']): void {
    const via = this.connection?.via ?? this.state.via;
    if (state !== this.state.state || via !== this.state.via) {
      this.state = { state, via, since: Date.now() };
      this.listener.onState(this.state);
    }
  }
}
