import type { MeReply } from '../protocol.generated';
import { Value } from './cell';
import type { Ask } from './chats';

/** For how long a service keeps chats that nobody changes, where it keeps pinned ones for good. */
export class Keeping {
  /** Days; null where all are kept for ever, where pinned ones go as well, or where nobody has said it yet. */
  readonly days = new Value<number | null>(null);
  private asked = false;

  constructor(private readonly ask: Ask) {}

  /** Asks once; what could not be asked is asked the next time. */
  async read(): Promise<void> {
    if (this.asked) {
      return;
    }
    this.asked = true;
    try {
      const { keeps_chats_days: days, keeps_pinned: pinned } = (await this.ask('GET', 'me')) as Partial<MeReply>;
      this.days.set(pinned && days ? days : null);
    } catch {
      this.asked = false;
    }
  }
}
