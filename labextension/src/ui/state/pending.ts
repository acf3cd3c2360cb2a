import type { Sending } from '../client/client';
import { KeptText } from './storage';

/** A question as it was sent, its key included: sent again it is the same question. */
export interface Unsent {
  readonly frame: Sending;
  readonly text: string;
}

/** Questions that the server has not acknowledged, per chat; they survive a reload of the page. */
export class Pending {
  private readonly kept = new KeptText('pending');

  get(chatId: string | null): Unsent | null {
    try {
      const value = JSON.parse(this.kept.get(chatId ?? '') || 'null') as Partial<Unsent> | null;
      return value?.frame?.idempotency_key && typeof value.text === 'string' ? (value as Unsent) : null;
    } catch {
      return null;
    }
  }

  set(chatId: string | null, unsent: Unsent): void {
    this.kept.set(chatId ?? '', JSON.stringify(unsent));
  }

  /** Forgets a question, unless another has taken its place. */
  remove(chatId: string | null, { frame }: Unsent): void {
    if (this.get(chatId)?.frame.idempotency_key === frame.idempotency_key) {
      this.kept.set(chatId ?? '', '');
    }
  }
}
