import { Client, type ConnectionState } from '../client/client';
import type { Transport } from '../client/transport';
import type { Principal, Readiness, ServerFrame } from '../protocol.generated';
import { Value, type Cell } from './cell';
import { Chats, type ChatList } from './chats';
import { Conversation } from './conversation';
import { Drafts } from './drafts';
import { Files } from './files';
import { Keeping } from './keeping';
import type { MessageView } from './message-view';
import { Models, type ModelChoice } from './models';
import type { CurrentChat } from './open-chat';
import { Shares } from './shares';

export interface ChatModelOptions {
  /** The chat to open first; null begins a new one. */
  chatId?: string | null;
  onChatId?(chatId: string | null): void;
}

const NUDGE_MS = 10_000;
const RELOAD_MS = 200;

/** The one object that a view talks to: what is shown, as cells, and what a person does, as methods. */
export class ChatModel {
  readonly connection = new Value<ConnectionState>({ state: 'connecting', via: 'socket', since: Date.now() });
  readonly service = new Value<Readiness | null>(null);
  readonly draft = new Value<string>('');
  /** Who the server says we are, once it has. */
  readonly principal = new Value<Principal | null>(null);
  readonly shares: Shares;
  /** Chats as files; null where files cannot come through. */
  readonly files: Files | null;
  readonly keeping: Keeping;
  private readonly drafts = new Drafts();
  private readonly client: Client;
  private readonly chatList: Chats;
  private readonly modelChoice: Models;
  private readonly conversation: Conversation;
  private reloading: ReturnType<typeof setTimeout> | undefined;
  private nudging: ReturnType<typeof setInterval> | undefined;
  private lastChatId: string | null = null;

  constructor(
    transport: Transport,
    private readonly options: ChatModelOptions = {}
  ) {
    this.client = new Client(transport, {
      onState: state => this.connection.set(state),
      onFrame: frame => this.onFrame(frame),
      onOnline: () => this.onOnline(),
      isWaiting: () => this.running() !== undefined
    });
    const ask = this.client.request.bind(this.client);
    this.chatList = new Chats(ask);
    this.keeping = new Keeping(ask);
    this.shares = new Shares(ask);
    this.files = transport.files ? new Files(transport.files) : null;
    this.modelChoice = new Models(ask);
    this.conversation = new Conversation({
      client: this.client,
      model: () => this.modelChoice.toAskFor(this.chosenByChat()),
      onChat: chat => this.chatList.put(chat),
      onBegun: chatId => this.drafts.move(chatId),
      onGone: chatId => this.onGone(chatId),
      onTakenBack: text => this.setDraft(text)
    });
    this.current.subscribe(() => this.onCurrent());
  }

  get chats(): Cell<ChatList> {
    return this.chatList.list;
  }

  get current(): Cell<CurrentChat> {
    return this.conversation.open.current;
  }

  get models(): Cell<ModelChoice> {
    return this.modelChoice.choice;
  }

  message = (id: string): Cell<MessageView | undefined> => this.conversation.open.messages.cell(id);

  start(): void {
    this.client.start();
    this.modelChoice.start();
    this.nudging = setInterval(() => this.conversation.open.nudge(), NUDGE_MS);
    void this.chatList.reload();
    void this.openChat(this.options.chatId ?? null);
  }

  dispose(): void {
    clearTimeout(this.reloading);
    clearInterval(this.nudging);
    this.modelChoice.dispose();
    this.client.dispose();
  }

  // Chats

  newChat(): void {
    void this.openChat(null);
  }

  async openChat(chatId: string | null): Promise<void> {
    this.modelChoice.forget(chatId !== null);
    const shown = this.conversation.show(chatId);
    this.draft.set(this.drafts.get(chatId));
    await shown;
  }

  renameChat = async (id: string, title: string): Promise<void> => {
    const chat = await this.chatList.rename(id, title);
    if (this.current.get().chatId === id) {
      this.conversation.open.current.update({ chat });
    }
  };

  pinChat = async (id: string, pinned: boolean): Promise<void> => {
    const chat = await this.chatList.pin(id, pinned);
    if (this.current.get().chatId === id) {
      this.conversation.open.current.update({ chat });
    }
  };

  deleteChat = async (id: string): Promise<void> => {
    await this.chatList.remove(id);
    this.drafts.set(id, '');
    if (this.current.get().chatId === id) {
      this.newChat();
    }
  };

  searchChats = (query: string): Promise<void> => this.chatList.search(query);
  moreChats = (): Promise<void> => this.chatList.more();
  reloadChats = (): Promise<void> => this.chatList.reload();

  // Messages

  /** Sends a question; false where it was not, and the draft stays. One that is not acknowledged is sent again first. */
  send(text: string): boolean {
    if (!text.trim() || this.isBusy() || !this.conversation.send(text)) {
      return false;
    }
    this.setDraft('');
    return true;
  }

  edit = (messageId: string, text: string): void => {
    if (text.trim() && !this.isBusy()) {
      this.conversation.edit(messageId, text);
    }
  };

  retry = (messageId: string): void => this.conversation.retry(messageId);
  discard = (messageId: string): void => this.conversation.discard(messageId);
  regenerate = (messageId: string): void => this.conversation.regenerate(messageId);
  continueMessage = (messageId: string): void => this.conversation.continueMessage(messageId);
  stop = (messageId: string): void => this.conversation.stop(messageId);
  showBranch = (messageId: string): void => this.conversation.showBranch(messageId);
  siblings = (messageId: string): readonly string[] => this.conversation.open.branch.siblings(messageId);
  running = (): MessageView | undefined => this.conversation.open.running();
  lastQuestion = (): MessageView | undefined => this.conversation.open.lastQuestion();

  setDraft(text: string): void {
    this.drafts.set(this.current.get().chatId, text);
    this.draft.set(text);
  }

  /** Whether a question cannot be sent now; one that was not acknowledged is sent again. */
  private isBusy(): boolean {
    if (this.running()) {
      return true;
    }
    const unsent = this.conversation.unsent();
    if (unsent) {
      this.retry(unsent.id);
    }
    return unsent !== undefined;
  }

  // Models and connection

  selectModel = (name: string): void => this.modelChoice.select(name);
  refreshModels = (): Promise<void> => this.modelChoice.refresh();
  reconnect = (): void => this.client.reconnect();

  /** The model that the next question goes to, as far as it is known. */
  modelName = (): string | null => this.modelChoice.nameFor(this.chosenByChat());

  private chosenByChat = (): string | null => this.current.get().chat?.model ?? null;

  private onOnline(): void {
    void this.chatList.reload();
    void this.modelChoice.refresh();
    void this.conversation.refresh();
  }

  private onFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'hello':
        this.principal.set(frame.principal);
        if (frame.principal.scopes?.length) {
          void this.keeping.read(); // only a service tells scopes, and only one lets chats go
        }
        break;
      case 'event':
        this.conversation.open.onEvent(frame);
        break;
      case 'chat_changed':
        void this.conversation.open.onChange(frame);
        this.reloadSoon();
        break;
      case 'service':
        this.service.set({ status: frame.status, parts: frame.parts });
        void this.modelChoice.refresh();
        break;
      default:
        break;
    }
  }

  /** Many changes at once are one look at the list. */
  private reloadSoon(): void {
    this.reloading ??= setTimeout(() => {
      this.reloading = undefined;
      void this.chatList.reload();
    }, RELOAD_MS);
  }

  private onGone(chatId: string): void {
    this.chatList.drop(chatId);
    this.drafts.set(chatId, '');
    void this.openChat(null);
  }

  private onCurrent(): void {
    const { chatId } = this.current.get();
    if (chatId !== this.lastChatId) {
      this.lastChatId = chatId;
      this.options.onChatId?.(chatId);
    }
  }
}
