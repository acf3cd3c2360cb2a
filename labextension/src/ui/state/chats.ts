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
  /** Deleted here, whatever an answer says that was under way meanwhile. */
  private readonly gone = new Set<string>();
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
        this.list.update({ items: this.there(page.items), next: page.next, status: 'ready', error: null });
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
        const fresh = this.there(page.items).filter(chat => !known.has(chat.id));
        this.list.update({ items: [...items, ...fresh], next: page.next, error: null });
      }
    } catch (error) {
      this.list.update({ error: asApiError(error) });
    }
  }

  /** Takes over a chat's newest state; one that is not listed finds its place by time. */
  put(chat: Chat): void {
    const { items, query, next } = this.list.get();
    if (items.some(each => each.id === chat.id)) {
      this.list.update({ items: items.map(each => (each.id === chat.id ? chat : each)) });
      return;
    }
    const older = items.findIndex(each => each.updated_at < chat.updated_at);
    const at = older < 0 ? items.length : older;
    const below = at === items.length && next !== null; // somewhere in the pages that are not loaded
    if (!query && !below && !this.gone.has(chat.id)) {
      this.list.update({ items: [...items.slice(0, at), chat, ...items.slice(at)] });
    }
  }

  drop(id: string): void {
    const { items } = this.list.get();
    this.gone.add(id);
    this.list.update({ items: items.filter(chat => chat.id !== id) });
  }

  async rename(id: string, title: string): Promise<Chat> {
    const chat = (await this.ask('PATCH', `chats/${id}`, { title })) as Chat;
    this.put(chat);
    return chat;
  }

  /** Deletes a chat; that it is gone already is as good. */
  async remove(id: string): Promise<void> {
    await this.ask('DELETE', `chats/${id}`).catch((error: unknown) => {
      if (asApiError(error).code !== 'not_found') {
        throw error;
      }
    });
    this.drop(id);
  }

  private there = (chats: readonly Chat[]): readonly Chat[] => chats.filter(chat => !this.gone.has(chat.id));

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
