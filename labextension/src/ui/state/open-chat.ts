import type { Client } from '../client/client';
import { ApiError, asApiError } from '../client/errors';
import type { AckFrame, Chat, ChatChangedFrame, EventFrame, Message } from '../protocol.generated';
import { Branch } from './branch';
import { Value } from './cell';
import { History } from './history';
import { LiveRuns } from './live-runs';
import { isRunning, type MessageView } from './message-view';
import { Messages } from './messages';

export interface CurrentChat {
  /** null: a chat that begins with its first message. */
  chatId: string | null;
  chat: Chat | null;
  /** Ids of the shown branch, root first. */
  path: readonly string[];
  status: 'empty' | 'loading' | 'ready' | 'error';
  error: ApiError | null;
}

export interface ChatListener {
  onChat(chat: Chat): void;
  /** The chat that had not begun has an id now. */
  onBegun(chatId: string): void;
  /** The chat is not there (any more): another one is to be shown. */
  onGone(chatId: string): void;
}

export const NO_CHAT: CurrentChat = { chatId: null, chat: null, path: [], status: 'empty', error: null };
/** How long the events of a run that has just begun may take (ms). */
const SETTLING_MS = 2_000;

/** The chat that is open, as the server has it: read, kept up to date, and what of it is shown. */
export class OpenChat {
  readonly current = new Value<CurrentChat>(NO_CHAT);
  readonly messages: Messages;
  readonly branch = new Branch();
  readonly live: LiveRuns;
  private readonly history: History;
  private behind = false;
  private turn = 0;

  /** `ready` resolves when no question of our own is on its way. */
  constructor(
    client: Client,
    private readonly listener: ChatListener,
    private readonly ready: () => Promise<void>
  ) {
    this.history = new History(client.request.bind(client));
    this.messages = new Messages({
      onTree: () => this.branch.update(this.messages.all()),
      onHole: view => this.live.onHole(view),
      onDoubt: view => void this.live.recheck(view.id)
    });
    this.live = new LiveRuns(client, this.messages, id => this.readMessage(id));
    this.branch.path.subscribe(() => this.current.update({ path: this.branch.path.get() }));
  }

  get chatId(): string | null {
    return this.current.get().chatId;
  }

  /** Begins to show another chat, or a new one for null; nothing of the one before is left. */
  clear(chatId: string | null): void {
    this.turn += 1;
    this.live.clear();
    this.behind = false;
    this.branch.show(null);
    this.messages.clear();
    this.current.set({ ...NO_CHAT, chatId, status: chatId ? 'loading' : 'empty' });
  }

  /** Reads the chat that was begun to be shown; `onShown` is called when its newest messages are there. */
  async load(onShown: () => void): Promise<void> {
    const { turn, chatId } = this;
    if (!chatId) {
      return;
    }
    try {
      const chat = await this.history.chat(chatId);
      const { active_leaf: leaf } = chat;
      const newest = leaf ? await this.history.branch(chatId, leaf) : [];
      if (turn !== this.turn) {
        return;
      }
      this.messages.take(newest);
      this.branch.show(leaf);
      this.current.update({ chat, status: 'ready', error: null });
      this.listener.onChat(chat);
      this.live.followAll();
      onShown();
      await this.loadAll(chatId, turn);
    } catch (error) {
      this.onFailedRead(chatId, turn, error);
    }
  }

  /** Goes on listening at once, then asks for what was missed while nobody listened. */
  async refresh(onShown: () => void): Promise<void> {
    const { chatId } = this;
    this.live.followAll();
    if (chatId && this.current.get().status === 'ready') {
      await this.catchUp(chatId, this.turn);
    } else {
      await this.load(onShown);
    }
  }

  /** For now and then: makes good whatever went wrong without a sign. */
  nudge(): void {
    this.live.nudge();
    if (this.behind && this.chatId) {
      void this.catchUp(this.chatId, this.turn);
    }
  }

  private async loadAll(chatId: string, turn: number): Promise<void> {
    await this.history.all(chatId, messages => {
      if (turn !== this.turn) {
        return false;
      }
      const before = new Set(this.runningRuns());
      this.messages.take(messages);
      this.runningRuns()
        .filter(runId => !before.has(runId))
        .forEach(runId => this.live.follow(runId));
      return true;
    });
  }

  private async catchUp(chatId: string, turn: number): Promise<void> {
    try {
      const chat = await this.history.chat(chatId);
      if (turn === this.turn) {
        this.current.update({ chat });
        await this.loadAll(chatId, turn);
        this.behind = false;
      }
    } catch (error) {
      this.behind = turn === this.turn;
      if (asApiError(error).code === 'not_found') {
        this.onFailedRead(chatId, turn, error);
      }
    }
  }

  private onFailedRead(chatId: string, turn: number, error: unknown): void {
    if (turn !== this.turn) {
      return;
    }
    if (asApiError(error).code === 'not_found') {
      this.listener.onGone(chatId);
    } else if (this.current.get().status === 'loading') {
      this.current.update({ status: 'error', error: asApiError(error) });
    } else {
      this.behind = true;
    }
  }

  private runningRuns = (): string[] =>
    this.messages.all().flatMap(view => (isRunning(view) && view.runId ? [view.runId] : []));

  private async readMessage(messageId: string): Promise<Message | undefined> {
    const { chatId } = this;
    return chatId ? (await this.history.branch(chatId, messageId, 1))[0] : undefined;
  }

  // What happens elsewhere

  onEvent = (frame: EventFrame): void => this.live.onEvent(frame);

  async onChange(frame: ChatChangedFrame): Promise<void> {
    const { chat_id: chatId, change, message_id: messageId, run_id: runId } = frame;
    if (chatId !== this.chatId) {
      return;
    }
    if (change === 'deleted') {
      this.listener.onGone(chatId);
    } else if (change === 'updated') {
      await this.readChat(chatId);
    } else if (change === 'message' && messageId) {
      await this.onMessage(chatId, messageId, runId);
    }
  }

  private async readChat(chatId: string): Promise<void> {
    const turn = this.turn;
    const chat = await this.history.chat(chatId).catch(() => null);
    if (chat && turn === this.turn) {
      this.current.update({ chat });
      this.listener.onChat(chat);
    }
  }

  /** A reply begun elsewhere: in another tab, or in a cell. Our own comes with its ack. */
  private async onMessage(chatId: string, messageId: string, runId = ''): Promise<void> {
    const turn = this.turn;
    await this.ready();
    if (turn !== this.turn || this.messages.isPast(runId)) {
      return;
    }
    if (this.messages.ofRun(runId)) {
      this.live.follow(runId, SETTLING_MS); // known: perhaps it has ended in another process
      return;
    }
    try {
      const found = await this.history.branch(chatId, messageId, 2);
      if (turn === this.turn) {
        const follows = !this.messages.get(messageId) && this.isBelowShown(found.at(-1)?.parent_id ?? null);
        this.messages.take(found);
        if (follows) {
          this.branch.show(messageId);
        }
        this.live.follow(runId);
      }
    } catch {
      this.behind = turn === this.turn;
    }
  }

  /** Whether the reader goes along to what was begun elsewhere: not while an answer is written here. */
  private isBelowShown(parentId: string | null): boolean {
    return !this.running() && (parentId === null || this.current.get().path.includes(parentId));
  }

  /** Takes over what the server has acknowledged. */
  take({ chat_id: chatId, message, reply, run }: AckFrame): void {
    if (!chatId || !message || !reply) {
      return;
    }
    if (this.chatId === null) {
      this.listener.onBegun(chatId);
      this.current.update({ chatId, status: 'ready' });
      void this.readChat(chatId);
    }
    if (run) {
      this.live.expect(run.id);
    }
    this.messages.take([message, reply]);
    this.branch.show(reply.id);
  }

  // What is shown

  shown = (): MessageView[] => this.branch.path.get().flatMap(id => this.messages.get(id) ?? []);

  /** The message of the shown branch that is being written, or sent. */
  running = (): MessageView | undefined => this.shown().find(view => isRunning(view) || view.status === 'sending');

  lastQuestion = (): MessageView | undefined =>
    this.shown()
      .reverse()
      .find(view => view.role === 'user' && view.status === 'completed');
}
