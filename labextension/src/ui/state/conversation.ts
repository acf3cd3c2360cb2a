import type { Client, Sending } from '../client/client';
import type { AckFrame } from '../protocol.generated';
import { isRunning, type MessageView } from './message-view';
import { OpenChat, type ChatListener } from './open-chat';
import { failureOf, Outgoing } from './outgoing';
import { Pending } from './pending';
import { cleanText, newKey } from './question';

export interface ConversationHost extends ChatListener {
  client: Client;
  /** The model to ask for; null leaves it to the chat and the server. */
  model(): string | null;
  /** A question was given back to be edited. */
  onTakenBack(text: string): void;
}

type Again = { type: 'regenerate' | 'continue'; message_id: string; model?: string | null };
const UNDER_WAY = ['queued', 'loading', 'streaming'];

/** What a person does in the open chat. */
export class Conversation {
  readonly open: OpenChat;
  private readonly pending = new Pending();
  private readonly outgoing: Outgoing;
  /** Messages for which another answer, or the rest of one, was asked for and is not acknowledged. */
  private asking = new Set<string>();

  constructor(private readonly host: ConversationHost) {
    const { client } = host;
    this.open = new OpenChat(client, host, () => this.outgoing.settled());
    this.outgoing = new Outgoing(client, this.open.messages, this.pending, (ack, stop) => this.onSent(ack, stop));
  }

  /** Shows another chat, or a new one for null. */
  async show(chatId: string | null): Promise<void> {
    this.outgoing.clear();
    this.asking = new Set();
    this.open.clear(chatId);
    if (chatId) {
      await this.open.load(this.restore);
    } else {
      this.restore();
    }
  }

  /** Connected again: asks for what was missed. */
  refresh = (): Promise<void> => this.open.refresh(this.restore);

  /** Sends a question; false where one that is not acknowledged stands in the way. */
  send(text: string): boolean {
    if (this.unsent()) {
      return false;
    }
    const { chatId } = this.open;
    const parentId = this.open.branch.end;
    const clean = cleanText(text);
    const frame: Sending = { type: 'send', text: clean, model: this.host.model(), idempotency_key: newKey() };
    this.place(chatId ? { ...frame, chat_id: chatId, parent_id: parentId } : frame, clean, parentId);
    return true;
  }

  edit(messageId: string, text: string): void {
    const { chatId } = this.open;
    const target = this.open.messages.get(messageId);
    if (chatId && target) {
      const request = { chat_id: chatId, message_id: messageId, text: cleanText(text), model: this.host.model() };
      this.place({ type: 'edit', ...request, idempotency_key: newKey() }, request.text, target.parentId);
    }
  }

  private place(frame: Sending, text: string, parentId: string | null): void {
    const id = this.outgoing.send(frame, text, this.open.chatId, parentId);
    this.open.branch.update(this.open.messages.all());
    this.open.branch.show(id);
    this.open.current.update({ status: 'ready' });
  }

  /** A question that was not acknowledged before the page was loaded anew: sent again, as the same one. */
  private restore = (): void => {
    const unsent = this.pending.get(this.open.chatId);
    if (unsent) {
      const { frame, text } = unsent;
      const edited = frame.type === 'edit' ? this.open.messages.get(frame.message_id) : undefined;
      const parentId = edited ? edited.parentId : (frame.type === 'send' && frame.parent_id) || this.open.branch.end;
      this.place(frame, text, parentId);
    }
  };

  regenerate(messageId: string): void {
    void this.again({ type: 'regenerate', message_id: messageId, model: this.host.model() });
  }

  continueMessage(messageId: string): void {
    void this.again({ type: 'continue', message_id: messageId });
  }

  private async again(request: Again): Promise<void> {
    const { asking } = this;
    const { chatId } = this.open;
    const id = request.message_id;
    if (!chatId || asking.has(id)) {
      return;
    }
    asking.add(id);
    this.open.messages.change(id, { refused: null });
    try {
      const ack = await this.host.client.ask({ ...request, chat_id: chatId, idempotency_key: newKey() });
      if (asking === this.asking) {
        this.open.take(ack);
      }
    } catch (error) {
      this.open.messages.change(id, { refused: failureOf(error) });
    } finally {
      asking.delete(id);
    }
  }

  retry = (messageId: string): void => this.outgoing.retry(messageId);

  /** Gives an unsent question back to be edited. */
  discard(messageId: string): void {
    const text = this.outgoing.discard(messageId);
    const parentId = this.open.messages.get(messageId)?.parentId ?? null;
    this.open.messages.remove(messageId);
    this.open.branch.show(parentId);
    if (!this.open.chatId) {
      this.open.current.update({ status: 'empty' });
    }
    this.host.onTakenBack(text);
  }

  stop(messageId: string): void {
    const view = this.open.messages.get(messageId);
    if (!view?.runId) {
      this.outgoing.stop(messageId);
      return;
    }
    if (!isRunning(view) || view.stopping) {
      return;
    }
    const { runId } = view;
    this.open.messages.change(messageId, { stopping: true });
    this.host.client.ask({ type: 'stop', run_id: runId }).then(
      ({ run }) => run && !UNDER_WAY.includes(run.state) && this.open.live.follow(runId),
      error => this.open.messages.change(messageId, { stopping: false, refused: failureOf(error) })
    );
  }

  showBranch(messageId: string): void {
    this.open.branch.show(messageId);
    const { chatId } = this.open;
    const leaf = this.open.branch.end;
    if (chatId && leaf && !this.outgoing.has(leaf)) {
      this.host.client.request('PATCH', `chats/${chatId}`, { active_leaf: leaf }).catch(() => undefined);
    }
  }

  siblings = (messageId: string): readonly string[] => this.open.branch.siblings(messageId);

  /** The question of the shown branch that the server does not have. */
  unsent = (): MessageView | undefined => this.open.shown().find(view => this.outgoing.has(view.id));

  private onSent(ack: AckFrame, stopped: boolean): void {
    this.open.take(ack);
    if (stopped && ack.reply) {
      this.stop(ack.reply.id);
    }
  }
}
