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

/** What a person wants of a chat, until the server has answered. */
interface Wish {
  pinned: boolean;
  updated_at: string;
  /** As the server last said that the chat is. */
  before: Chat | undefined;
  answered: Promise<unknown>;
}

/** The owner's chats, pinned ones before the others, newest change first, searched by title. */
export class Chats {
  readonly list = new Value<ChatList>({ items: [], next: null, query: '', status: 'loading', error: null });
  /** Deleted here, whatever an answer says that was under way meanwhile. */
  private readonly gone = new Set<string>();
  private readonly wishes = new Map<string, Wish>();
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

  /** Takes over a chat's newest state; one that is not listed, or is pinned now or no more, finds its place. */
  put(newest: Chat): void {
    const chat = this.asWished(newest);
    const { items, query, next } = this.list.get();
    const known = items.find(each => each.id === chat.id);
    if (known?.pinned === chat.pinned) {
      this.list.update({ items: items.map(each => (each.id === chat.id ? chat : each)) });
      return;
    }
    const others = items.filter(each => each.id !== chat.id);
    const after = others.findIndex(each => inOrder(chat, each) < 0);
    const at = after < 0 ? others.length : after;
    const below = at === others.length && next !== null; // somewhere in the pages that are not loaded
    if (known || (!query && !this.gone.has(chat.id))) {
      this.list.update({ items: below ? others : [...others.slice(0, at), chat, ...others.slice(at)] });
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

  /** Pins a chat or no more: seen at once, taken back where the server does not do it. The last of several wishes holds. */
  async pin(id: string, pinned: boolean): Promise<Chat> {
    const earlier = this.wishes.get(id);
    const before = earlier?.before ?? this.list.get().items.find(chat => chat.id === id);
    const ask = (): Promise<unknown> => this.ask('PATCH', `chats/${id}`, { pinned });
    const answered = earlier ? earlier.answered.then(ask, ask) : ask();
    const wish: Wish = { pinned, updated_at: new Date().toISOString(), before, answered };
    this.wishes.set(id, wish);
    if (before) {
      this.put(before);
    }
    try {
      const chat = (await answered) as Chat;
      this.settle(id, wish, chat);
      return chat;
    } catch (error) {
      if (asApiError(error).code === 'not_found') {
        this.drop(id);
      }
      this.settle(id, wish, wish.before);
      throw error;
    }
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

  /** What is true of a chat in the end; where it was wished otherwise meanwhile, that is shown until it is answered. */
  private settle(id: string, wish: Wish, chat: Chat | undefined): void {
    const last = this.wishes.get(id);
    if (last !== wish) {
      last!.before = chat;
      return;
    }
    this.wishes.delete(id);
    if (chat) {
      this.put(chat);
    }
  }

  private asWished(chat: Chat): Chat {
    const wish = this.wishes.get(chat.id);
    return wish ? { ...chat, pinned: wish.pinned, updated_at: wish.updated_at } : chat;
  }

  private there(chats: readonly Chat[]): readonly Chat[] {
    const there = chats.filter(chat => !this.gone.has(chat.id));
    return this.wishes.size ? there.map(chat => this.asWished(chat)).sort(inOrder) : there;
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

/** Pinned ones first, then the newest change, as the server lists them. */
const inOrder = (one: Chat, other: Chat): number =>
  Number(other.pinned) - Number(one.pinned) || (one.updated_at > other.updated_at ? -1 : 1);
