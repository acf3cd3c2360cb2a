import type { Rest } from '../client/rest';
import { SharedStream, type SharedState } from '../client/shared-stream';
import type { Message, SharedEventFrame, SharedFrame, SharedMessage, SharedReply } from '../protocol.generated';
import { Value, type Cell } from './cell';
import { isRunning, textOf, viewOf, type MessageView } from './message-view';
import { Messages } from './messages';

export interface SharedChatView {
  readonly state: SharedState;
  readonly title: string;
  readonly model: string | null;
  readonly sharedBy: string;
  readonly expiresAt: string | null;
  /** The ids of the branch, in reading order. */
  readonly path: readonly string[];
  /** Where earlier messages are to be had; null where there are none. */
  readonly earlier: string | null;
}

const NOTHING: SharedChatView = {
  state: 'connecting',
  title: '',
  model: null,
  sharedBy: '',
  expiresAt: null,
  path: [],
  earlier: null
};

/** Somebody else's chat, as it is and as it grows: only to be read. */
export class SharedModel {
  readonly chat = new Value<SharedChatView>(NOTHING);
  private readonly messages = new Messages({
    onTree: () => undefined,
    onHole: () => undefined,
    onDoubt: () => undefined
  });
  private readonly stream: SharedStream;

  /** `key` is a link's token, or the id of a share that is for the reader's account. */
  constructor(
    private readonly rest: Rest,
    private readonly key: string
  ) {
    this.stream = new SharedStream(rest, key, {
      onState: state => this.chat.update({ state }),
      onFrame: frame => this.onFrame(frame)
    });
  }

  start(): void {
    void this.stream.start();
  }

  dispose(): void {
    this.stream.stop();
  }

  message = (id: string): Cell<MessageView | undefined> => this.messages.cell(id);

  /** Gets the messages before those that are shown; rejects with `ApiError`. */
  async loadEarlier(): Promise<void> {
    const { earlier } = this.chat.get();
    if (earlier === null) {
      return;
    }
    const path = `shared/${encodeURIComponent(this.key)}?cursor=${encodeURIComponent(earlier)}`;
    const { messages, next } = (await this.rest.request('GET', path)) as SharedReply;
    if (this.chat.get().earlier === earlier) {
      messages.forEach(message => this.put(message));
      this.chat.update({ path: [...messages.map(({ id }) => id), ...this.chat.get().path], earlier: next });
    }
  }

  private onFrame(frame: SharedFrame): void {
    switch (frame.type) {
      case 'chat':
        this.chat.update({
          title: frame.title,
          model: frame.model,
          sharedBy: frame.shared_by,
          expiresAt: frame.expires_at
        });
        break;
      case 'messages': {
        frame.items.forEach(message => this.put(message));
        const { path, earlier } = this.chat.get();
        const kept = frame.after === null ? [] : path.slice(0, path.indexOf(frame.after) + 1);
        const ids = [...kept, ...frame.items.map(({ id }) => id)];
        this.chat.update({ path: ids, earlier: frame.after === null ? frame.next : earlier });
        path.filter(id => !ids.includes(id)).forEach(id => this.messages.remove(id));
        break;
      }
      case 'event':
        this.onEvent(frame);
        break;
      default:
        break;
    }
  }

  private onEvent({ message_id: id, event }: SharedEventFrame): void {
    const view = this.messages.get(id);
    if (!view) {
      return;
    }
    if (event.type === 'snapshot') {
      this.put(event.message);
      return;
    }
    const seq = view.seq + 1;
    const known = event.type === 'run_finished' ? { ...event, error: failureOf(event.error), usage: null } : event;
    this.messages.apply({ type: 'event', run_id: id, chat_id: '', seq, event: known });
  }

  /** What is shown already stays the same object, so that nothing is drawn anew after a break. */
  private put(message: SharedMessage): void {
    const before = this.messages.get(message.id);
    const after = viewOf(messageOf(message), before);
    if (!before || isRunning(before) || before.status !== after.status || textOf(before) !== textOf(after)) {
      this.messages.put(after);
    }
  }
}

/** A message in the shape that the chat's own views have; its id stands for its run, which readers are not told. */
const messageOf = (message: SharedMessage): Message => ({
  id: message.id,
  chat_id: '',
  parent_id: null,
  role: message.role,
  parts: message.parts,
  status: message.status,
  n: 0,
  created_at: message.created_at,
  run_id: message.id,
  seq: 0,
  model: message.model,
  digest: null,
  usage: null,
  error: failureOf(message.error),
  reason: message.reason,
  continuations: []
});

const failureOf = (code: string | null): Message['error'] =>
  code === null ? null : { code, message: '', details: {} };
