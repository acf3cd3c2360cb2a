import { asApiError, type ApiError } from '../client/errors';
import type { Method } from '../client/transport';
import type { Chat, ChatPage } from '../protocol.generated';
import { Value } from './cell';

export interface ChatList {
  items: readonly Chat[];
  next: string | null;
  query: string;
  status: 'loading' | 'ready' | 'error';
  error: ApiError | null;
}

export type Ask = (method: Method, path: string, body?: unknown) => Promise<unknown>;

const PAGE = 60;

/** The owner's chats, newest change first, searched by title. */
export class Chats {
  readonly list = new Value<ChatList>({ items: [], next: null, query: '', status: 'loading', error: null });
  private turn = 0;

  constructor(private readonly ask: Ask) {}

  async search(query: string): Promise<void> {
    this.list.update({ query, status: 'loading' });
    await this.reload();
  }

  /** Asks anew for as many as are shown; an answer that a later question has overtaken is dropped. */
  async reload(): Promise<void> {
    const turn = ++this.turn;
    const { query, items } = this.list.get();
    try {
      const page = await this.page(query, null, Math.min(Math.max(items.length, PAGE), 200));
      if (turn === this.turn) {
        this.list.update({ items: page.items, next: page.next, status: 'ready', error: null });
      }
    } catch (error) {
      if (turn === this.turn) {
        this.list.update({ status: 'error', error: asApiError(error) });
      }
    }
  }

  async more(): Promise<void> {
    const { next, query, items } = this.list.get();
    if (!next) {
      return;
    }
    const turn = ++this.turn;
    try {
      const page = await this.page(query, next, PAGE);
      if (turn === this.turn) {
        const known = new Set(items.map(chat => chat.id));
        const fresh = page.items.filter(chat => !known.has(chat.id));
        this.list.update({ items: [...items, ...fresh], next: page.next });
      }
    } catch (error) {
      this.list.update({ error: asApiError(error) });
    }
  }

  find = (id: string): Chat | undefined => this.list.get().items.find(chat => chat.id === id);

  put(chat: Chat): void {
    const { items } = this.list.get();
    const known = items.some(each => each.id === chat.id);
    this.list.update({ items: known ? items.map(each => (each.id === chat.id ? chat : each)) : [chat, ...items] });
  }

  drop(id: string): void {
    const { items } = this.list.get();
    this.list.update({ items: items.filter(chat => chat.id !== id) });
  }

  async rename(id: string, title: string): Promise<Chat> {
    const chat = (await this.ask('PATCH', `chats/${id}`, { title })) as Chat;
    this.put(chat);
    return chat;
  }

  async remove(id: string): Promise<void> {
    await this.ask('DELETE', `chats/${id}`);
    this.drop(id);
  }

  private page(query: string, cursor: string | null, limit: number): Promise<ChatPage> {
    const params = new URLSearchParams({ limit: String(limit) });
    if (query) {
      params.set('q', query);
    }
    if (cursor) {
      params.set('cursor', cursor);
    }
    return this.ask('GET', `chats?${params}`) as Promise<ChatPage>;
  }
}
