import type { Method } from '../client/transport';
import type { NewShareBody, NewShareReply, ReceivedPage, SharesReply, ShareReply } from '../protocol.generated';

type Ask = (method: Method, path: string, body?: unknown) => Promise<unknown>;

/** The shares of a person's chats, and what others have shared; all reject with `ApiError`. */
export class Shares {
  constructor(private readonly ask: Ask) {}

  /** The shares of a chat, newest first. */
  async of(chatId: string): Promise<readonly ShareReply[]> {
    return ((await this.ask('GET', `chats/${chatId}/shares`)) as SharesReply).items;
  }

  async make(chatId: string, wish: NewShareBody): Promise<NewShareReply> {
    return (await this.ask('POST', `chats/${chatId}/shares`, wish)) as NewShareReply;
  }

  async revoke(chatId: string, id: string): Promise<void> {
    await this.ask('DELETE', `chats/${chatId}/shares/${id}`);
  }

  /** Wants what was shared with this person no more: it ends for them. */
  async leave(id: string): Promise<void> {
    await this.ask('DELETE', `shared/${id}`);
  }

  /** What was shared with this person, newest first, from a cursor on. */
  async received(cursor: string | null = null): Promise<ReceivedPage> {
    const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    return (await this.ask('GET', `shared${query}`)) as ReceivedPage;
  }
}
