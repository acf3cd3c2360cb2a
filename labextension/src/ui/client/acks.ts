import type { AckFrame, ClientFrame, ErrorFrame } from '../protocol.generated';
import { ApiError } from './errors';

/** What the server takes in one message (bytes). */
export const MAX_FRAME = 1 << 20;
const ACK_MS = 8_000;

interface Waiting {
  readonly frame: ClientFrame;
  resolve(ack: AckFrame): void;
  reject(error: ApiError): void;
  /** When it was last sent (ms), 0 if not yet. */
  sent: number;
  /** How long to wait before it is sent again. */
  patience: number;
}

/** Frames that wait for their ack. They are sent again until it comes: the server knows a repeated one by its key. */
export class Acks {
  private readonly waiting = new Map<string, Waiting>();
  private count = 0;

  /** `transmit` sends a frame if there is a connection, and says whether. */
  constructor(private readonly transmit: (frame: ClientFrame) => boolean) {}

  get size(): number {
    return this.waiting.size;
  }

  /** Rejects with `ApiError`: what the server refused, `too_large`, or `withdrawn` by the signal. */
  ask(frame: ClientFrame, signal?: AbortSignal): Promise<AckFrame> {
    if (isTooLarge(frame)) {
      return Promise.reject(new ApiError('too_large', 'This message is too long to be sent. Shorten it or split it.'));
    }
    const id = `f${++this.count}`;
    return new Promise((resolve, reject) => {
      const waiting = { frame: { ...frame, id }, resolve, reject, sent: 0, patience: ACK_MS };
      this.waiting.set(id, waiting);
      signal?.addEventListener('abort', () => {
        this.waiting.delete(id);
        reject(new ApiError('withdrawn', 'The message was taken back.'));
      });
      this.send(waiting);
    });
  }

  /** Takes an answer; false if nobody waited for it. */
  take(answer: AckFrame | ErrorFrame): boolean {
    const waiting = this.waiting.get(String(answer.id));
    this.waiting.delete(String(answer.id));
    if (waiting && answer.type === 'ack') {
      waiting.resolve(answer);
    } else if (waiting && answer.type === 'error') {
      waiting.reject(new ApiError(answer.code, answer.message, answer.details, 400));
    }
    return waiting !== undefined;
  }

  /** Sends everything that waits, on a connection that has just opened. */
  sendAll(): void {
    this.waiting.forEach(waiting => this.send(waiting));
  }

  /** Sends again what has waited long, more and more rarely. */
  sendLate(): void {
    for (const waiting of this.waiting.values()) {
      if (Date.now() - waiting.sent > waiting.patience) {
        waiting.patience *= 2;
        this.send(waiting);
      }
    }
  }

  rejectAll(error: ApiError): void {
    this.waiting.forEach(waiting => waiting.reject(error));
    this.waiting.clear();
  }

  private send(waiting: Waiting): void {
    if (this.transmit(waiting.frame)) {
      waiting.sent = Date.now();
    }
  }
}

/** A character is three bytes at most, so most frames need no counting. */
function isTooLarge(frame: ClientFrame): boolean {
  const text = JSON.stringify(frame);
  return text.length > MAX_FRAME / 4 && new TextEncoder().encode(text).length > MAX_FRAME - 100;
}
