import type { AckFrame, ClientFrame, ServerFrame } from '../protocol.generated';
import { Acks } from './acks';
import { Backoff } from './backoff';
import { ApiError } from './errors';
import { Heartbeat } from './heartbeat';
import type { Closed, Connection, Method, Transport } from './transport';
import { askWelcome, isOfToken, mayPass, type Welcome } from './welcome';

export interface ConnectionState {
  state: 'connecting' | 'online' | 'reconnecting' | 'refused';
  via: Connection['via'];
  /** When this state began (ms). */
  since: number;
  /**
   * Why the connection is refused: no valid login, access revoked, the server does not take what we send, or the service
   * behind it does not take its token (which a person or the Hub gave it). Why there is none yet: that service does not
   * answer, or something else does in its place.
   */
  why?: 'policy' | Exclude<Welcome, 'yes' | 'unknown'>;
}

export interface Listener {
  onState(state: ConnectionState): void;
  onFrame(frame: ServerFrame): void;
  /** Connected, first or again: what was missed must be asked for. */
  onOnline(): void;
  /** Whether an answer is awaited: an unseen page keeps its connection as long. */
  isWaiting?(): boolean;
}

export type Sending = Extract<ClientFrame, { type: 'send' | 'edit' | 'regenerate' | 'continue' }>;

const TICK_MS = 1_000;
/** A connection that lived so long was a good one: the next attempt need not wait. */
const STABLE_MS = 10_000;
const FAILURES_BEFORE_SSE = 3;
const SOCKET_AGAIN_MS = 120_000;
const TOKEN_AGAIN_MS = 20_000;
/** An unseen page where nothing happens lets go of its connection: a Hub would take its pongs for somebody who works. */
const UNSEEN_MS = 300_000;
const SESSION_ENDED = 4401;
const REVOKED = 4403;

/** One connection, from the attempt to its end. */
interface Attempt {
  connection: Connection | null;
  readonly begun: number;
  /** Whether it has ever opened. */
  open: boolean;
  /** Whether a frame came: some proxies let a socket open, and nothing through. */
  heard: boolean;
  over: boolean;
}

/**
 * One living connection: comes back by itself with back-off, sends again what was not acknowledged (the server knows
 * it by its key), takes server-sent events where sockets do not get through, and says visibly how it stands.
 */
export class Client {
  private readonly acks = new Acks(frame => this.tell(frame));
  private readonly heartbeat = new Heartbeat(() => this.tell({ type: 'ping' }));
  private readonly backoff: Backoff;
  private state: ConnectionState = { state: 'connecting', via: 'socket', since: Date.now() };
  private attempt: Attempt | null = null;
  private probe: Attempt | null = null;
  private failedSockets = 0;
  private fallbackUntil = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private tickTimer: ReturnType<typeof setInterval> | undefined;
  private stopped = true;
  /** Let go unseen; goes on when the page is seen, or something is asked. */
  private resting = false;

  constructor(
    private readonly transport: Transport,
    private readonly listener: Listener,
    random: () => number = Math.random
  ) {
    this.backoff = new Backoff(random);
  }

  start(): void {
    this.stopped = false;
    window.addEventListener('online', this.wake);
    document.addEventListener('visibilitychange', this.wake);
    this.tickTimer = setInterval(this.tick, TICK_MS);
    this.connect();
  }

  dispose(): void {
    this.stopped = true;
    window.removeEventListener('online', this.wake);
    document.removeEventListener('visibilitychange', this.wake);
    clearInterval(this.tickTimer);
    clearTimeout(this.retryTimer);
    this.end(this.attempt);
    this.end(this.probe);
    this.acks.rejectAll(new ApiError('network', 'closed'));
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    return this.transport.request(method, path, body);
  }

  /** Sends a frame, now or when connected, until it is acknowledged, refused or taken back by the signal. */
  ask(frame: ClientFrame, signal?: AbortSignal): Promise<AckFrame> {
    const asked = this.acks.ask(frame, signal);
    if (this.resting) {
      this.connect();
    }
    return asked;
  }

  /** Sends a frame if connected, and says whether; nothing waits for it. */
  tell(frame: ClientFrame): boolean {
    if (!isOpen(this.attempt)) {
      return false;
    }
    this.attempt.connection?.send(frame);
    return true;
  }

  /** Tries at once, because a person asked. */
  reconnect(): void {
    if (!this.stopped && !isOpen(this.attempt)) {
      this.backoff.reset();
      this.setState('reconnecting');
      this.connect();
    }
  }

  /** The network is back, or the page is seen again. */
  private wake = (): void => {
    if (this.stopped || document.hidden) {
      return;
    }
    const { state, why } = this.state;
    if (isOpen(this.attempt)) {
      this.heartbeat.ping();
    } else if ((state !== 'refused' || mayPass(why)) && !this.isTrying()) {
      this.backoff.reset();
      this.connect(); // also after a lost login: a person may have logged in again elsewhere
    }
  };

  private isTrying = (): boolean =>
    this.attempt !== null && !this.attempt.over && Date.now() - this.attempt.begun < TICK_MS;

  private connect(): void {
    clearTimeout(this.retryTimer);
    this.resting = false;
    this.end(this.attempt);
    this.attempt = newAttempt();
    this.begin(this.attempt, Date.now() < this.fallbackUntil);
  }

  private begin(attempt: Attempt, fallback: boolean): void {
    const handlers = {
      onOpen: () => !attempt.over && this.onOpen(attempt),
      onFrame: (frame: ServerFrame) => !attempt.over && this.onFrame(attempt, frame),
      onClose: (closed: Closed) => {
        if (!attempt.over) {
          attempt.over = true;
          this.onClose(attempt, closed);
        }
      }
    };
    try {
      attempt.connection = this.transport.open(handlers, fallback);
    } catch {
      handlers.onClose({ code: 1006, retry: true }); // the browser refuses the address
    }
  }

  private end(attempt: Attempt | null): void {
    if (attempt && !attempt.over) {
      attempt.over = true;
      attempt.connection?.close();
    }
  }

  private onOpen(attempt: Attempt): void {
    attempt.open = true;
    if (attempt !== this.attempt) {
      return; // a probe: it has to be heard first
    }
    this.heartbeat.reset();
    this.setState('online');
    this.listener.onOnline();
    this.acks.sendAll();
  }

  private onFrame(attempt: Attempt, frame: ServerFrame): void {
    attempt.heard = true;
    if (attempt === this.probe) {
      this.adopt(attempt);
    }
    this.heartbeat.heard();
    const answers = frame.type === 'ack' || frame.type === 'error';
    if (!answers || !this.acks.take(frame)) {
      this.listener.onFrame(frame);
    }
  }

  private onClose(attempt: Attempt, closed: Closed): void {
    if (attempt === this.probe) {
      this.probe = null;
      this.fallbackUntil = Date.now() + SOCKET_AGAIN_MS;
    } else if (!closed.retry) {
      this.setState('refused', closed.code === REVOKED ? 'forbidden' : 'policy');
      if (closed.code === REVOKED) {
        void this.askWhose(attempt);
      }
    } else {
      this.setState('reconnecting');
      void this.comeBack(attempt, closed);
    }
  }

  private async comeBack(attempt: Attempt, { code }: Closed): Promise<void> {
    if (attempt.open && Date.now() - attempt.begun > STABLE_MS) {
      this.backoff.reset();
    }
    const via = attempt.connection?.via;
    const failed = via === 'comm' ? !attempt.open : !attempt.heard; // a comm's views hear what is for the others too
    const welcome = failed || code === SESSION_ENDED ? await askWelcome(this.transport) : 'unknown';
    if (this.stopped || this.attempt !== attempt) {
      return;
    }
    if (welcome === 'forbidden' || mayPass(welcome)) {
      this.refuse(welcome);
      return;
    }
    if (welcome === 'service_away' || welcome === 'not_the_service') {
      this.setState('reconnecting', welcome);
    }
    if (welcome === 'yes' && failed && via === 'socket') {
      this.countFailure();
    }
    this.retryTimer = setTimeout(() => this.connect(), this.backoff.next());
  }

  /** Access was revoked: the person's, or the token's with which this server asks the service behind it. */
  private async askWhose(attempt: Attempt): Promise<void> {
    const welcome = await askWelcome(this.transport);
    if (!this.stopped && this.attempt === attempt && isOfToken(welcome)) {
      this.refuse(welcome);
    }
  }

  /** Not let in. For want of a good token of the server's we look again: whoever puts it there need not come here. */
  private refuse(why: ConnectionState['why']): void {
    this.setState('refused', why);
    clearTimeout(this.retryTimer);
    if (isOfToken(why)) {
      this.retryTimer = setTimeout(() => void this.lookAgain(this.attempt, why), TOKEN_AGAIN_MS);
    }
  }

  private async lookAgain(attempt: Attempt | null, why: ConnectionState['why']): Promise<void> {
    const welcome = document.hidden ? 'unknown' : await askWelcome(this.transport);
    if (this.stopped || this.attempt !== attempt) {
      return;
    }
    if (welcome === 'yes') {
      this.reconnect();
    } else {
      this.refuse(why);
    }
  }

  private countFailure(): void {
    this.failedSockets += 1;
    if (this.failedSockets >= FAILURES_BEFORE_SSE) {
      this.failedSockets = 0;
      this.fallbackUntil = Date.now() + SOCKET_AGAIN_MS;
    }
  }

  private tick = (): void => {
    if (!isOpen(this.attempt)) {
      return;
    }
    this.acks.sendLate();
    if (this.mayRest(this.attempt)) {
      this.resting = true;
      this.end(this.attempt);
      this.end(this.probe);
      this.probe = null;
    } else if (this.heartbeat.isDead()) {
      this.end(this.attempt); // half open: nobody hears us
      this.onClose(this.attempt, { code: 1006, retry: true });
    } else if (this.attempt.connection?.via === 'sse' && !this.probe && Date.now() >= this.fallbackUntil) {
      this.probe = newAttempt();
      this.begin(this.probe, false);
    } else if (!document.hidden) {
      this.heartbeat.beat();
    }
  };

  private mayRest({ connection }: Attempt): boolean {
    const idle = this.acks.size === 0 && this.heartbeat.silence > UNSEEN_MS && !this.listener.isWaiting?.();
    return document.hidden && idle && connection?.via !== 'comm'; // a comm is the kernel's connection
  }

  /** Sockets get through again: goes on over one, each run from where it was last heard. */
  private adopt(probe: Attempt): void {
    this.probe = null;
    this.failedSockets = 0;
    this.end(this.attempt);
    this.attempt = probe;
    this.onOpen(probe);
  }

  private setState(state: ConnectionState['state'], why?: ConnectionState['why']): void {
    const via = this.attempt?.connection?.via ?? this.state.via;
    if (state !== this.state.state || via !== this.state.via || why !== this.state.why) {
      this.state = { state, via, since: Date.now(), ...(why && { why }) };
      this.listener.onState(this.state);
    }
  }
}

const isOpen = (attempt: Attempt | null): attempt is Attempt => attempt !== null && attempt.open && !attempt.over;

const newAttempt = (): Attempt => ({ connection: null, begun: Date.now(), open: false, heard: false, over: false });
