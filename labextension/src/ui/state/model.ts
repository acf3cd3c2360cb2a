import { Client, type ConnectionState } from '../client/client';
import type { Transport } from '../client/transport';
import type { Readiness, ServerFrame } from '../protocol.generated';
import { Value, type Cell } from './cell';
import { Chats, type ChatList } from './chats';
import { Conversation, type CurrentChat } from './conversation';
import { Drafts } from './drafts';
import type { MessageView } from './message-view';
import { Models, type ModelChoice } from './models';

export interface ChatModelOptions {
  /** The chat to open first; null begins a new one. */
  chatId?: string | null;
  onChatId?(chatId: string | null): void;
}

/** The one object that a view talks to: what is shown, as cells, and what a person does, as methods. */
export class ChatModel {
  readonly connection = new Value<ConnectionState>({ state: 'connecting', via: 'socket', since: Date.now() });
  readonly service = new Value<Readiness | null>(null);
  readonly draft = new Value<string>('');
  private readonly drafts = new Drafts();
  private readonly client: Client;
  private readonly chatList: Chats;
  private readonly modelChoice: Models;
  private readonly conversation: Conversation;
  private reloading: ReturnType<typeof setTimeout> | undefined;

  constructor(
    transport: Transport,
    private readonly options: ChatModelOptions = {}
  ) {
    this.client = new Client(transport, {
      onState: state => this.connection.set(state),
      onFrame: frame => this.onFrame(frame),
      onOnline: () => this.onOnline()
    });
    const ask = this.client.request.bind(this.client);
    this.chatList = new Chats(ask);
    this.modelChoice = new Models(ask);
    this.conversation = new Conversation({
      client: this.client,
      model: () => this.modelChoice.choice.get().selected,
      onChat: chat => this.chatList.put(chat),
      onGone: chatId => this.chatList.drop(chatId),
      onDraft: (chatId, text) => this.setDraft(text, chatId),
      onPending: (chatId, text) => this.drafts.set(`pending:${chatId ?? ''}`, text)
    });
    this.conversation.current.subscribe(() => this.onCurrent());
  }

  get chats(): Cell<ChatList> {
    return this.chatList.list;
  }

  get current(): Cell<CurrentChat> {
    return this.conversation.current;
  }

  get models(): Cell<ModelChoice> {
    return this.modelChoice.choice;
  }

  message = (id: string): Cell<MessageView | undefined> => this.conversation.messages.cell(id);

  start(): void {
    this.client.start();
    this.modelChoice.start();
    void this.chatList.reload();
    void this.openChat(this.options.chatId ?? null);
  }

  dispose(): void {
    clearTimeout(this.reloading);
    this.modelChoice.dispose();
    this.client.dispose();
  }

  // Chats

  newChat(): void {
    void this.openChat(null);
  }

  async openChat(chatId: string | null): Promise<void> {
    const opened = this.conversation.open(chatId);
    this.draft.set(this.drafts.get(chatId) || this.drafts.get(`pending:${chatId ?? ''}`));
    await opened;
  }

  renameChat = async (id: string, title: string): Promise<void> => {
    const chat = await this.chatList.rename(id, title);
    if (this.current.get().chatId === id) {
      this.conversation.current.update({ chat });
    }
  };

  deleteChat = async (id: string): Promise<void> => {
    await this.chatList.remove(id);
    if (this.current.get().chatId === id) {
      this.newChat();
    }
  };

  searchChats = (query: string): Promise<void> => this.chatList.search(query);
  moreChats = (): Promise<void> => this.chatList.more();
  reloadChats = (): Promise<void> => this.chatList.reload();

  // Messages

  send(text: string): void {
    if (text.trim() && !this.running()) {
      this.setDraft('');
      this.conversation.send(text);
    }
  }

  edit = (messageId: string, text: string): void => {
    if (text.trim() && !this.running()) {
      this.conversation.edit(messageId, text);
    }
  };

  retry = (messageId: string): void => this.conversation.retry(messageId);
  discard = (messageId: string): void => this.conversation.discard(messageId);
  regenerate = (messageId: string): void => this.conversation.regenerate(messageId);
  continueMessage = (messageId: string): void => this.conversation.continueMessage(messageId);
  stop = (messageId: string): void => this.conversation.stop(messageId);
  showBranch = (messageId: string): void => this.conversation.showBranch(messageId);
  siblings = (messageId: string): readonly string[] => this.conversation.siblings(messageId);
  running = (): MessageView | undefined => this.conversation.running();
  lastQuestion = (): MessageView | undefined => this.conversation.lastQuestion();

  setDraft(text: string, chatId: string | null = this.current.get().chatId): void {
    this.drafts.set(chatId, text);
    if (chatId === this.current.get().chatId) {
      this.draft.set(text);
    }
  }

  // Models and connection

  selectModel = (name: string): void => this.modelChoice.select(name);
  refreshModels = (): Promise<void> => this.modelChoice.refresh();
  reconnect = (): void => this.client.comeBack();

  private onOnline(): void {
    void this.chatList.reload();
    void this.modelChoice.refresh();
    void this.conversation.refresh();
  }

  private onFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'event':
        this.conversation.onEvent(frame);
        break;
      case 'chat_changed':
        void this.conversation.onChange(frame);
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
    }, 200);
  }

  private onCurrent(): void {
    const { chatId } = this.current.get();
    if (chatId !== this.lastChatId) {
      this.lastChatId = chatId;
      this.options.onChatId?.(chatId);
    }
  }

  private lastChatId: string | null = null;
}
