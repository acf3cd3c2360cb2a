import { ApiError, asApiError } from '../client/errors';
import type { Client, Sending } from '../client/client';
import type { AckFrame, Chat, ChatChangedFrame, EventFrame, Message, MessagePage } from '../protocol.generated';
import { Value } from './cell';
import { isRunning, openPart, push, textOf, type MessageView } from './message-view';
import { Messages } from './messages';
import { Tree } from './tree';

export interface CurrentChat {
  /** null: a chat that begins with its first message. */
  chatId: string | null;
  chat: Chat | null;
  /** Ids of the shown branch, root first. */
  path: readonly string[];
  status: 'empty' | 'loading' | 'ready' | 'error';
  error: ApiError | null;
}

export interface ConversationHost {
  client: Client;
  /** The model that the person chose, if any. */
  model(): string | null;
  onChat(chat: Chat): void;
  /** The chat is not there (any more). */
  onGone(chatId: string): void;
  /** A question was taken over by the server, or given back to be edited. */
  onDraft(chatId: string | null, text: string): void;
  onPending(chatId: string | null, text: string): void;
}

const EMPTY: CurrentChat = { chatId: null, chat: null, path: [], status: 'empty', error: null };
const FIRST_PAGE = 100;
const PAGE = 200;
const UNSENT_MS = 5_000;

interface Unsent {
  frame: Sending;
  text: string;
}

/** The chat that is open: its messages, the shown branch, and what a person does in it. */
export class Conversation {
  readonly current = new Value<CurrentChat>(EMPTY);
  readonly messages = new Messages(() => this.replan());
  private readonly unsent = new Map<string, Unsent>();
  private readonly underWay = new Set<Promise<unknown>>();
  private tree = new Tree([]);
  private leaf: string | null = null;
  private turn = 0;

  constructor(private readonly host: ConversationHost) {}

  /** Shows another chat, or a new one for null. */
  async open(chatId: string | null): Promise<void> {
    const turn = ++this.turn;
    this.unsent.clear();
    this.leaf = null;
    this.messages.clear();
    this.current.set({ ...EMPTY, chatId, status: chatId ? 'loading' : 'empty' });
    if (chatId) {
      await this.load(chatId, turn);
    }
  }

  /** Asks for what was missed while nobody listened, then goes on listening. */
  async refresh(): Promise<void> {
    const { chatId, status } = this.current.get();
    if (chatId) {
      await (status === 'ready' ? this.catchUp(chatId, this.turn) : this.load(chatId, this.turn));
    }
  }

  private async load(chatId: string, turn: number): Promise<void> {
    try {
      const chat = (await this.ask('GET', `chats/${chatId}`)) as Chat;
      const leaf = chat.active_leaf;
      const newest = leaf ? await this.page(chatId, `leaf=${leaf}&limit=${FIRST_PAGE}`) : null;
      if (turn !== this.turn) {
        return;
      }
      this.leaf = leaf;
      this.messages.take(newest?.items ?? []);
      this.current.update({ chat, status: 'ready', error: null });
      this.host.onChat(chat);
      this.listen();
      await this.loadAll(chatId, turn);
    } catch (error) {
      this.failed(chatId, turn, error);
    }
  }

  /** The whole tree, so that every branch can be shown. */
  private async loadAll(chatId: string, turn: number): Promise<void> {
    let cursor: string | null = null;
    do {
      const query: string = `limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
      const page = await this.page(chatId, query);
      if (turn !== this.turn) {
        return;
      }
      const unknown = page.items.filter(m => !this.messages.get(m.id) || m.status !== this.messages.get(m.id)?.status);
      this.messages.take(unknown);
      cursor = page.next;
    } while (cursor);
    this.listen();
  }

  private async catchUp(chatId: string, turn: number): Promise<void> {
    try {
      const chat = (await this.ask('GET', `chats/${chatId}`)) as Chat;
      if (turn === this.turn) {
        this.current.update({ chat });
        await this.loadAll(chatId, turn);
      }
    } catch (error) {
      if (error instanceof ApiError && error.code === 'not_found') {
        this.failed(chatId, turn, error);
      }
    }
  }

  private failed(chatId: string, turn: number, error: unknown): void {
    if (turn !== this.turn) {
      return;
    }
    if (error instanceof ApiError && error.code === 'not_found') {
      this.host.onGone(chatId);
      void this.open(null);
    } else {
      this.current.update({ status: 'error', error: asApiError(error) });
    }
  }

  /** Asks for all that comes of the runs under way, each from where it was last heard. */
  private listen(): void {
    for (const view of this.messages.all()) {
      if (isRunning(view) && view.runId) {
        this.host.client.tell({ type: 'subscribe', run_id: view.runId, after: view.seq });
      }
    }
  }

  onEvent = (frame: EventFrame): void => this.messages.apply(frame);

  async onChange(frame: ChatChangedFrame): Promise<void> {
    if (frame.chat_id !== this.current.get().chatId) {
      return;
    }
    if (frame.change === 'deleted') {
      this.host.onGone(frame.chat_id);
      await this.open(null);
    } else if (frame.change === 'updated') {
      const turn = this.turn;
      const chat = (await this.ask('GET', `chats/${frame.chat_id}`).catch(() => null)) as Chat | null;
      if (chat && turn === this.turn) {
        this.current.update({ chat });
        this.host.onChat(chat);
      }
    } else if (frame.change === 'message' && frame.message_id) {
      await this.onMessage(frame.chat_id, frame.message_id, frame.run_id);
    }
  }

  /** A reply begun elsewhere: in another tab, or in a cell. Our own comes with its ack. */
  private async onMessage(chatId: string, messageId: string, runId?: string): Promise<void> {
    const turn = this.turn;
    await Promise.allSettled(this.underWay);
    if (turn !== this.turn || (runId && this.messages.ofRun(runId)?.status === 'streaming')) {
      return;
    }
    const known = this.messages.get(messageId);
    const page = await this.page(chatId, `leaf=${messageId}&limit=2`).catch(() => null);
    if (!page || turn !== this.turn) {
      return;
    }
    if (!known) {
      const parent = page.items.at(-1)?.parent_id ?? null;
      this.leaf = parent === null || this.current.get().path.includes(parent) ? messageId : this.leaf;
    }
    this.messages.take(page.items);
    this.listen();
  }

  // What a person does

  send(text: string): void {
    const { chatId } = this.current.get();
    const frame: Sending = { type: 'send', text, model: this.host.model(), idempotency_key: newKey() };
    const parentId = this.lastSettled();
    if (chatId) {
      frame.chat_id = chatId;
      frame.parent_id = parentId;
    }
    this.host.onPending(chatId, text);
    this.begin(this.addLocal(text, parentId), { frame, text });
  }

  edit(messageId: string, text: string): void {
    const { chatId } = this.current.get();
    const target = this.messages.get(messageId);
    if (chatId && target) {
      const frame: Sending = {
        type: 'edit', chat_id: chatId, message_id: messageId, text, model: this.host.model(), idempotency_key: newKey()
      };
      this.begin(this.addLocal(text, target.parentId), { frame, text });
    }
  }

  regenerate(messageId: string): void {
    this.again('regenerate', messageId);
  }

  continueMessage(messageId: string): void {
    this.again('continue', messageId);
  }

  private again(type: 'regenerate' | 'continue', messageId: string): void {
    const { chatId } = this.current.get();
    if (!chatId) {
      return;
    }
    const model = type === 'regenerate' ? this.host.model() : null;
    const frame: Sending = { type, chat_id: chatId, message_id: messageId, model, idempotency_key: newKey() };
    const turn = this.turn;
    this.track(
      this.host.client.ask(frame).then(
        ack => turn === this.turn && this.acked(ack),
        error => {
          const { code, message, details } = asApiError(error);
          this.messages.change(messageId, { error: { code, message, details } });
        }
      )
    );
  }

  retry(messageId: string): void {
    const unsent = this.unsent.get(messageId);
    if (unsent) {
      this.messages.change(messageId, { status: 'sending', error: null });
      this.host.client.comeBack();
      this.begin(messageId, unsent);
    }
  }

  /** Gives an unsent question back to be edited. */
  discard(messageId: string): void {
    const unsent = this.unsent.get(messageId);
    this.unsent.delete(messageId);
    this.leaf = this.messages.get(messageId)?.parentId ?? null;
    this.messages.remove(messageId);
    if (unsent) {
      this.host.onPending(this.current.get().chatId, '');
      this.host.onDraft(this.current.get().chatId, unsent.text);
    }
  }

  stop(messageId: string): void {
    const view = this.messages.get(messageId);
    if (view?.runId && isRunning(view)) {
      this.messages.change(messageId, { stopping: true });
      this.host.client.ask({ type: 'stop', run_id: view.runId }).catch(() => {
        this.messages.change(messageId, { stopping: false });
      });
    }
  }

  showBranch(messageId: string): void {
    this.leaf = this.tree.newestLeaf(messageId);
    this.replan();
    const { chatId } = this.current.get();
    if (chatId && this.leaf) {
      this.ask('PATCH', `chats/${chatId}`, { active_leaf: this.leaf }).catch(() => undefined);
    }
  }

  siblings = (messageId: string): readonly string[] => this.tree.siblings(messageId);

  /** The message of the shown branch that is being written. */
  running(): MessageView | undefined {
    const views = this.current.get().path.map(this.messages.get);
    return views.find(view => view && (isRunning(view) || view.status === 'sending'));
  }

  lastQuestion(): MessageView | undefined {
    const views = this.current.get().path.map(this.messages.get);
    return views.reverse().find(view => view?.role === 'user' && view.status === 'completed');
  }

  // Sending

  private lastSettled(): string | null {
    const path = this.current.get().path;
    return [...path].reverse().find(id => !this.unsent.has(id)) ?? null;
  }

  private addLocal(text: string, parentId: string | null): string {
    const id = `local-${newKey()}`;
    const part = openPart('text');
    push(part, text);
    part.stream.flush();
    this.messages.put({
      id, parentId, role: 'user', n: Number.MAX_SAFE_INTEGER, createdAt: new Date().toISOString(), parts: [part], rev: 0,
      status: 'sending', runId: null, seq: 0, model: null, usage: null, error: null, reason: null, continuations: [],
      context: null, queue: null, askedAt: null, stopping: false
    });
    this.leaf = id;
    this.replan();
    this.current.update({ status: 'ready' });
    return id;
  }

  private begin(localId: string, unsent: Unsent): void {
    this.unsent.set(localId, unsent);
    const turn = this.turn;
    const late = setTimeout(() => {
      if (this.messages.get(localId)?.status === 'sending') {
        this.messages.change(localId, { status: 'unsent' });
      }
    }, UNSENT_MS);
    const done = this.host.client.ask(unsent.frame).then(
      ack => {
        clearTimeout(late);
        if (turn === this.turn) {
          this.sent(localId, ack);
        }
      },
      error => {
        clearTimeout(late);
        const { code, message, details } = asApiError(error);
        if (turn === this.turn) {
          this.messages.change(localId, { status: 'unsent', error: { code, message, details } });
        }
      }
    );
    this.track(done);
  }

  private sent(localId: string, ack: AckFrame): void {
    this.host.onPending(this.current.get().chatId, '');
    this.unsent.delete(localId);
    this.messages.remove(localId);
    this.acked(ack);
  }

  private acked({ chat_id: chatId, message, reply }: AckFrame): void {
    if (!chatId || !message || !reply) {
      return;
    }
    const begun = this.current.get().chatId === null;
    this.current.update({ chatId, status: 'ready' });
    this.leaf = reply.id;
    this.messages.take([message, reply]);
    if (begun) {
      void this.onChange({ type: 'chat_changed', chat_id: chatId, change: 'updated' });
    }
  }

  private track(work: Promise<unknown>): void {
    this.underWay.add(work);
    void work.finally(() => this.underWay.delete(work));
  }

  private replan(): void {
    this.tree = new Tree(this.messages.all());
    if (!this.tree.has(this.leaf)) {
      this.leaf = this.tree.newestLeaf(null);
    }
    const path = this.tree.path(this.leaf);
    const before = this.current.get().path;
    if (path.length !== before.length || path.some((id, i) => id !== before[i])) {
      this.current.update({ path });
    }
  }

  private ask = (method: 'GET' | 'PATCH', path: string, body?: unknown): Promise<unknown> =>
    this.host.client.request(method, path, body);

  private page(chatId: string, query: string): Promise<MessagePage> {
    return this.ask('GET', `chats/${chatId}/messages?${query}`) as Promise<MessagePage>;
  }
}

const newKey = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;

export { textOf };
export type { Message };
