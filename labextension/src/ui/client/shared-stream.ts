import type { SharedFrame } from '../protocol.generated';
import { Backoff } from './backoff';
import { asApiError } from './errors';
import { readStream } from './event-stream';
import type { Rest } from './rest';

/**
 * `ended`: there is no such share, or not any more. `unauthenticated`: a login may help. Neither is tried again by itself.
 */
export type SharedState = 'connecting' | 'live' | 'reconnecting' | 'ended' | 'unauthenticated';

export interface SharedListener {
  onState(state: SharedState): void;
  onFrame(frame: SharedFrame): void;
}

/** The server sends a comment every 15 s; after this silence the stream is taken for dead. */
const SILENCE_MS = 40_000;

/** What a reader of a share is sent; comes back by itself, and then gets everything anew. */
export class SharedStream {
  private readonly backoff: Backoff;
  private control = new AbortController();
  private silence: ReturnType<typeof setTimeout> | undefined;
  private ended = false;
  private stopped = false;

  constructor(
    private readonly rest: Rest,
    private readonly key: string,
    private readonly listener: SharedListener,
    random: () => number = Math.random
  ) {
    this.backoff = new Backoff(random);
  }

  async start(): Promise<void> {
    while (!this.stopped) {
      const last = await this.read();
      clearTimeout(this.silence);
      if (this.stopped) {
        return;
      }
      this.listener.onState(last ?? 'reconnecting');
      if (last) {
        return;
      }
      await new Promise(resolve => setTimeout(resolve, this.backoff.next()));
    }
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.silence);
    this.control.abort();
  }

  /** Reads one stream to its end; returns the state that it leaves for good, if it does. */
  private async read(): Promise<'ended' | 'unauthenticated' | undefined> {
    this.control = new AbortController();
    this.listen();
    try {
      await readStream(this.rest, `shared/${encodeURIComponent(this.key)}/events`, this.control.signal, {
        onOpen: () => {
          this.backoff.reset();
          this.listener.onState('live');
        },
        onBytes: () => this.listen(),
        onData: data => this.take(data)
      });
    } catch (error) {
      const { status } = asApiError(error);
      return status === 404 || status === 400
        ? 'ended'
        : status === 401 || status === 403
          ? 'unauthenticated'
          : undefined;
    }
    return this.ended ? 'ended' : undefined;
  }

  private take(data: string): void {
    const frame = JSON.parse(data) as SharedFrame;
    if (this.stopped) {
      return;
    }
    if (frame.type === 'end') {
      this.ended = true;
    } else {
      this.listener.onFrame(frame);
    }
  }

  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.control.abort(), SILENCE_MS);
  }
}
