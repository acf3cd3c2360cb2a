import type { Client, Sending } from '../client/client';
import { asApiError } from '../client/errors';
import type { AckFrame, Failure } from '../protocol.generated';
import { localView } from './message-view';
import type { Messages } from './messages';
import type { Pending, Unsent } from './pending';
import { newKey, refusalOf } from './question';

const UNSENT_MS = 5_000;

/** A question on its way, under the id of the message that shows it. */
interface OnItsWay extends Unsent {
  readonly chatId: string | null;
  control: AbortController;
  /** The person has stopped the answer before there was one. */
  stopped: boolean;
}

/** The questions of the open chat that the server does not have yet: shown at once, sent until acknowledged. */
export class Outgoing {
  private onTheirWay = new Map<string, OnItsWay>();
  private readonly settling = new Set<Promise<void>>();

  /** `onSent` is called for questions of the chat that is open. */
  constructor(
    private readonly client: Client,
    private readonly messages: Messages,
    private readonly pending: Pending,
    private readonly onSent: (ack: AckFrame, stopped: boolean) => void
  ) {}

  has = (id: string): boolean => this.onTheirWay.has(id);

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.settling);
  }

  /** Shows a question below `parentId` and sends it; returns the id of what is shown. */
  send(frame: Sending, text: string, chatId: string | null, parentId: string | null): string {
    const id = `local-${newKey()}`;
    this.messages.put(localView(id, parentId, text));
    const unsent = { frame, text, chatId, control: new AbortController(), stopped: false };
    this.onTheirWay.set(id, unsent);
    this.pending.set(chatId, unsent);
    this.transmit(id, unsent);
    return id;
  }

  /** Sends again what was not acknowledged or was refused: the same question, so it is never asked twice. */
  retry(id: string): void {
    const unsent = this.onTheirWay.get(id);
    if (unsent) {
      unsent.control.abort();
      unsent.control = new AbortController();
      this.messages.change(id, { status: 'sending', error: null });
      this.client.reconnect();
      this.transmit(id, unsent);
    }
  }

  /** Takes a question back; returns its text. */
  discard(id: string): string {
    const unsent = this.onTheirWay.get(id);
    this.onTheirWay.delete(id);
    if (!unsent) {
      return '';
    }
    unsent.control.abort();
    this.pending.remove(unsent.chatId, unsent);
    return unsent.text;
  }

  /** The answer is to be stopped as soon as there is one. */
  stop(id: string): void {
    const unsent = this.onTheirWay.get(id);
    if (unsent) {
      unsent.stopped = true;
      this.messages.change(id, { stopping: true });
    }
  }

  /** Another chat is shown: what is on its way goes on, and is found again by `Pending`. */
  clear(): void {
    this.onTheirWay = new Map();
  }

  private transmit(id: string, unsent: OnItsWay): void {
    const shown = this.onTheirWay;
    const { control } = unsent;
    const late = setTimeout(() => this.messages.change(id, { status: 'unsent' }), UNSENT_MS);
    const refusal = refusalOf(unsent.text);
    const asked = refusal ? Promise.reject(refusal) : this.client.ask(unsent.frame, control.signal);
    const work = asked
      .finally(() => clearTimeout(late))
      .then(
        ack => {
          this.pending.remove(unsent.chatId, unsent);
          if (shown === this.onTheirWay && this.onTheirWay.delete(id)) {
            this.onSent(ack, unsent.stopped);
            this.messages.remove(id);
          }
        },
        error => {
          if (!control.signal.aborted) {
            this.messages.change(id, { status: 'unsent', stopping: false, error: failureOf(error) });
          }
        }
      );
    this.settling.add(work);
    void work.finally(() => this.settling.delete(work));
  }
}

/** An error as messages keep it. */
export function failureOf(error: unknown): Failure {
  const { code, message, details } = asApiError(error);
  return { code, message, details };
}
