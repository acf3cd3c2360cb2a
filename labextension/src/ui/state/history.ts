import type { Chat, Message, MessagePage } from '../protocol.generated';
import type { Ask } from './chats';

const FIRST_PAGE = 100;
const PAGE = 200;

/** Reads a chat and its messages from the server. All reject with `ApiError`. */
export class History {
  constructor(private readonly ask: Ask) {}

  async chat(chatId: string): Promise<Chat> {
    return (await this.ask('GET', `chats/${chatId}`)) as Chat;
  }

  /** The newest messages of a branch, enough to fill a view. */
  async branch(chatId: string, leaf: string, limit = FIRST_PAGE): Promise<Message[]> {
    return (await this.page(chatId, { leaf, limit: String(limit) })).items;
  }

  /** The whole tree, so that every branch can be shown; ends early where `take` says so. */
  async all(chatId: string, take: (messages: Message[]) => boolean): Promise<void> {
    let cursor: string | null = null;
    do {
      const page: MessagePage = await this.page(chatId, { limit: String(PAGE), ...(cursor && { cursor }) });
      cursor = take(page.items) ? page.next : null;
    } while (cursor);
  }

  private page(chatId: string, query: Record<string, string>): Promise<MessagePage> {
    return this.ask('GET', `chats/${chatId}/messages?${new URLSearchParams(query)}`) as Promise<MessagePage>;
  }
}
