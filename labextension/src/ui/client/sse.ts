import type { AckFrame, ClientFrame, ServerFrame } from '../protocol.generated';
import { asApiError } from './errors';
import { readStream } from './event-stream';
import { readEvent, readFrames } from './frames';
import type { OverRest } from './over-rest';
import type { Rest } from './rest';
import type { Connection, Handlers } from './transport';

/** The server sends a comment every 15 s; after this silence a ping is not answered. */
const SILENCE_MS = 40_000;
const AGAIN_MS = 1_000;

/** For networks that refuse WebSockets: frames come as server-sent events, what is sent goes over REST. */
export class EventsConnection implements Connection {
  readonly via = 'sse';
  private readonly owner = new AbortController();
  private readonly followed = new Map<string, AbortController>();
  private readonly underWay = new Set<string>();
  private heardAt = Date.now();
  private closed = false;

  constructor(
    private readonly rest: Rest,
    private readonly overRest: OverRest,
    private readonly handlers: Handlers
  ) {
    readStream(rest, 'events', this.owner.signal, {
      onOpen: () => !this.closed && handlers.onOpen(),
      onBytes: () => (this.heardAt = Date.now()),
      onData: data => readFrames(data, this.take)
    }).then(this.fail, this.fail);
  }

  close(): void {
    this.closed = true;
    this.owner.abort();
    this.followed.forEach(stream => stream.abort());
  }

  send(frame: ClientFrame): void {
    const id = frame.id ?? null;
    const name = String(id);
    if (id !== null && this.underWay.has(name)) {
      return; // sent again for want of an ack: its request goes on
    }
    this.underWay.add(name);
    this.carryOut(frame)
      .then(
        ack => id !== null && this.take({ type: 'ack', id, ...ack }),
        (error: unknown) => this.refuse(id, error)
      )
      .finally(() => this.underWay.delete(name));
  }

  private async carryOut(frame: ClientFrame): Promise<Partial<AckFrame>> {
    switch (frame.type) {
      case 'subscribe':
        if (frame.run_id) {
          void this.follow(frame.run_id, frame.after ?? 0);
        }
        return {};
      case 'unsubscribe':
        this.followed.get(frame.run_id ?? '')?.abort();
        return {};
      case 'stop':
        return this.overRest.stop(frame.run_id);
      case 'ping':
        if (Date.now() - this.heardAt < SILENCE_MS) {
          this.take({ type: 'pong' });
        }
        return {};
      default: {
        const sent = await this.overRest.send(frame);
        setTimeout(() => void this.follow(sent.run.id, sent.reply.seq)); // after the ack
        return sent;
      }
    }
  }

  private refuse(id: string | number | null, error: unknown): void {
    const { code, message, details } = asApiError(error);
    if (code === 'network') {
      this.fail(); // nobody can be told: the frame is sent again with its key
    } else if (id !== null) {
      this.take({ type: 'error', id, code, message, details });
    }
  }

  /** Reads a run's events to the end of the run; a stream that breaks is taken up again where it broke. */
  private async follow(runId: string, after: number): Promise<void> {
    this.followed.get(runId)?.abort();
    const control = new AbortController();
    this.followed.set(runId, control);
    let place = after;
    let over = false;
    const take = (frame: ServerFrame): void => {
      if (frame.type === 'event' && !control.signal.aborted) {
        place = frame.seq;
        over = frame.event.type === 'run_finished';
        this.take(frame);
      }
    };
    while (!over && !this.closed && !control.signal.aborted) {
      await readStream(this.rest, `runs/${runId}/events?after=${place}`, control.signal, {
        onBytes: () => (this.heardAt = Date.now()),
        onData: data => readEvent(data, take)
      }).catch((error: unknown) => (over = asApiError(error).status === 404));
      if (!over) {
        await new Promise(resolve => setTimeout(resolve, AGAIN_MS));
      }
    }
    if (this.followed.get(runId) === control) {
      this.followed.delete(runId);
    }
  }

  private take = (frame: ServerFrame): void => {
    if (!this.closed) {
      this.handlers.onFrame(frame);
    }
  };

  private fail = (): void => {
    if (!this.closed) {
      this.close();
      this.handlers.onClose({ code: 1006, retry: true });
    }
  };
}
