import { KeptText } from './storage';

/** What a person has typed and not sent, per chat; null is the chat that has not begun. */
export class Drafts {
  private readonly kept = new KeptText('draft');

  get = (chatId: string | null): string => this.kept.get(chatId ?? '');

  set(chatId: string | null, text: string): void {
    this.kept.set(chatId ?? '', text);
  }

  /** The chat has begun: what was typed meanwhile belongs to it. */
  move(chatId: string): void {
    this.set(chatId, this.get(null));
    this.set(null, '');
  }
}
