import { ApiError } from '../../../src/ui/client/errors';
import type { Connection, Handlers, Method, Transport } from '../../../src/ui/client/transport';
import type {
  AckFrame,
  Chat,
  ChatChangedFrame,
  ClientFrame,
  Message,
  ModelsReply,
  Run,
  RunEvent,
  SentReply,
  ServerFrame
} from '../../../src/ui/protocol.generated';
import { aChat, aMessage, aRun, MODELS } from './values';

const EPOCH = 2 ** 32;

interface Log {
  run: Run;
  events: { seq: number; event: RunEvent }[];
}

type Sending = Extract<ClientFrame, { type: 'send' | 'edit' | 'regenerate' | 'continue' }>;

/** A server that speaks the wire, in memory; answers are written by the test: `say`, `finish`. */
export class FakeServer {
  readonly chats = new Map<string, Chat>();
  readonly messages = new Map<string, Message>();
  readonly logs = new Map<string, Log>();
  readonly requests: string[] = [];
  readonly received: ClientFrame[] = [];
  models: ModelsReply = MODELS;
  /** Nobody answers, neither requests nor sockets. */
  down = false;
  /** Frames are carried out, and nothing of it is told. */
  mute = false;
  /** Events are not told to anybody. */
  loseEvents = false;
  /** What `/me` says of how long chats are kept. */
  keeps: { keeps_chats_days?: number | null; keeps_pinned?: boolean } = {};
  /** What the greeting says of who is asking: a service tells scopes. */
  scopes: string[] = [];
  /** Refuses the next sends. */
  refuse: ApiError | null = null;
  private readonly keys = new Map<string, AckFrame>();
  private readonly tabs = new Set<Tab>();
  private count = 1_000; // above what a test puts in by itself

  /** A tab's way to this server. */
  transport(): Transport {
    return {
      request: (method, path, body) => this.request(method, path, body),
      open: handlers => new Tab(this, handlers)
    };
  }

  /** How many connections are open. */
  get listeners(): number {
    return this.tabs.size;
  }

  // What the test lets happen

  /** The server goes on with an answer. */
  say(runId: string, text: string): void {
    this.emit(runId, { type: 'text_delta', text });
  }

  think(runId: string, text: string): void {
    this.emit(runId, { type: 'thinking_delta', text });
  }

  finish(
    runId: string,
    state: 'completed' | 'failed' | 'interrupted' | 'stopped' = 'completed',
    reason = 'stop'
  ): void {
    const error = state === 'failed' ? { code: 'provider_error', message: 'It broke.', details: {} } : null;
    this.emit(runId, { type: 'run_finished', state, reason, error, usage: null });
  }

  emit(runId: string, event: RunEvent): void {
    const log = this.logs.get(runId)!;
    log.run.seq += 1;
    this.append(log, event);
  }

  /** Another process goes on with a run: a new epoch, which begins with a snapshot. */
  takeOver(runId: string): void {
    const log = this.logs.get(runId)!;
    log.run.seq = (Math.floor(log.run.seq / EPOCH) + 1) * EPOCH + 1;
    log.events = [];
    this.append(log, { type: 'snapshot', message: this.messages.get(log.run.message_id)! });
  }

  /** All connections break. */
  cut(code = 1006): void {
    this.tabs.forEach(tab => tab.cut(code));
  }

  broadcast(frame: ServerFrame): void {
    this.tabs.forEach(tab => tab.tell(frame));
  }

  change(frame: Omit<ChatChangedFrame, 'type'>): void {
    this.broadcast({ type: 'chat_changed', ...frame });
  }

  /** What somebody else sends, over REST or in another tab. */
  post(frame: Sending): SentReply {
    const { message, reply, run } = this.send(frame);
    return { message: message!, reply: reply!, run: run! };
  }

  runOf(messageId: string): string {
    return this.messages.get(messageId)!.run_id!;
  }

  get newestRun(): string {
    return [...this.logs.keys()].at(-1)!;
  }

  // What tabs see

  join(tab: Tab): void {
    this.tabs.add(tab);
  }

  leave(tab: Tab): void {
    this.tabs.delete(tab);
  }

  eventsAfter(runId: string, after: number): Log['events'] {
    const log = this.logs.get(runId);
    if (!log) {
      throw new ApiError('not_found', 'No such run.', {}, 404);
    }
    const later = log.events.filter(({ seq }) => seq > after);
    const last = log.events.at(-1);
    return later.length || !last || last.event.type !== 'run_finished' ? later : [last];
  }

  carryOut(frame: Exclude<ClientFrame, { type: 'subscribe' | 'unsubscribe' | 'ping' }>): Omit<AckFrame, 'type' | 'id'> {
    if (frame.type === 'stop') {
      const log = this.logs.get(frame.run_id)!;
      if (this.isRunning(log.run)) {
        setTimeout(() => this.isRunning(log.run) && this.finish(frame.run_id, 'stopped', 'user'), 10);
      }
      return { run: { ...log.run } };
    }
    if (this.refuse) {
      throw this.refuse;
    }
    return this.send(frame);
  }

  private isRunning = (run: Run): boolean => ['queued', 'loading', 'streaming'].includes(run.state);

  private append(log: Log, event: RunEvent): void {
    const { run } = log;
    const entry = { seq: run.seq, event };
    log.events.push(entry);
    const message = this.messages.get(run.message_id)!;
    const parts = structuredClone(message.parts);
    const kind = event.type === 'text_delta' ? 'text' : event.type === 'thinking_delta' ? 'thinking' : null;
    if (kind) {
      const last = parts.at(-1);
      const { text } = event as { text: string };
      if (last?.type === kind) {
        last.text += text;
      } else {
        parts.push({ type: kind, text });
      }
      run.state = 'streaming';
    } else if (event.type === 'run_finished') {
      run.state = event.state;
    }
    const ended =
      event.type === 'run_finished' ? { status: event.state, reason: event.reason, error: event.error } : {};
    const status = kind ? { status: 'streaming' as const } : {};
    this.messages.set(message.id, { ...message, parts, seq: run.seq, ...status, ...ended });
    if (!this.loseEvents) {
      this.tabs.forEach(tab => tab.onEvent(run, entry));
    }
  }

  private send(frame: Sending): Omit<AckFrame, 'type' | 'id'> {
    const known = frame.idempotency_key && this.keys.get(frame.idempotency_key);
    if (known) {
      const reply = this.messages.get(known.reply!.id)!;
      return { ...known, reply, run: { ...this.logs.get(known.run!.id)!.run } };
    }
    const begun = !('chat_id' in frame && frame.chat_id);
    const chat = begun ? this.begin(frame) : this.chatOf(frame.chat_id!);
    const ack = this.turn(frame, chat);
    if (frame.idempotency_key) {
      this.keys.set(frame.idempotency_key, ack as AckFrame);
    }
    if (begun) {
      this.change({ chat_id: chat.id, change: 'created' });
    }
    this.change({ chat_id: chat.id, change: 'message', message_id: ack.reply!.id, run_id: ack.run!.id });
    return ack;
  }

  private begin(frame: Sending): Chat {
    const chat = aChat({
      id: this.id('c'),
      title: (frame as { text?: string }).text ?? '',
      model: frame.model ?? null
    });
    this.chats.set(chat.id, chat);
    return chat;
  }

  private chatOf(id: string): Chat {
    const chat = this.chats.get(id);
    if (!chat) {
      throw new ApiError('not_found', 'No such chat.', {}, 404);
    }
    return chat;
  }

  private turn(frame: Sending, chat: Chat): Omit<AckFrame, 'type' | 'id'> {
    const run = aRun({ id: this.id('r'), chat_id: chat.id, seq: 0 });
    const target = 'message_id' in frame ? this.messages.get(frame.message_id)! : null;
    let message = target?.role === 'assistant' ? this.messages.get(target.parent_id!) : undefined;
    let reply: Message;
    if (frame.type === 'continue') {
      const continuations = [
        ...target!.continuations,
        { part: 0, offset: 0, at: target!.created_at, cause: 'user' as const }
      ];
      reply = { ...target!, run_id: run.id, status: 'pending', seq: 0, continuations, reason: null };
    } else {
      if (!message) {
        const parent =
          frame.type === 'edit' ? target!.parent_id : ((frame as { parent_id?: string }).parent_id ?? null);
        message = this.add(
          aMessage({ id: this.id('m'), chat_id: chat.id, parent_id: parent, parts: [textPart(frame)] })
        );
      }
      const reply_ = {
        role: 'assistant' as const,
        status: 'pending' as const,
        run_id: run.id,
        model: frame.model ?? 'tiny'
      };
      reply = aMessage({ id: this.id('m'), chat_id: chat.id, parent_id: message.id, ...reply_ });
    }
    run.message_id = reply.id;
    this.add(reply);
    this.logs.set(run.id, { run: { ...run, seq: EPOCH }, events: [] });
    this.chats.set(chat.id, {
      ...chat,
      active_leaf: reply.id,
      updated_at: this.now()
    });
    if (frame.type === 'continue') {
      const { run: live } = this.logs.get(run.id)!;
      live.seq += 1;
      setTimeout(() => this.append(this.logs.get(run.id)!, { type: 'snapshot', message: reply }));
    }
    return { chat_id: chat.id, message, reply: this.messages.get(reply.id)!, run: { ...run } };
  }

  private add(message: Message): Message {
    const known = this.messages.get(message.id);
    const added = { ...message, n: known?.n ?? ++this.count };
    this.messages.set(message.id, added);
    return added;
  }

  private now = (): string => new Date(2026, 0, 1, 0, 0, this.count++).toISOString();

  private id = (kind: string): string => `${kind}${++this.count}`;

  // REST

  private async request(method: Method, path: string, body?: unknown): Promise<unknown> {
    this.requests.push(`${method} ${path}`);
    await Promise.resolve();
    if (this.down) {
      throw new ApiError('network', 'Failed to fetch');
    }
    const answer = this.answer(method, new URL(path, 'http://x/'), body);
    await Promise.resolve();
    return structuredClone(answer);
  }

  private answer(method: Method, { pathname, searchParams }: URL, body?: unknown): unknown {
    const [, kind, id, rest] = pathname.split('/');
    if (kind === 'models') {
      return this.models;
    }
    if (kind === 'me') {
      return { owner_id: 'local', ...this.keeps };
    }
    if (kind !== 'chats') {
      throw new ApiError('not_found', path(kind, id), {}, 404);
    }
    if (!id) {
      const order = (chat: Chat): string => `${Number(chat.pinned)} ${chat.updated_at}`;
      const items = [...this.chats.values()].sort((a, b) => (order(a) < order(b) ? 1 : -1));
      const query = searchParams.get('q')?.toLowerCase() ?? '';
      return { items: items.filter(chat => chat.title.toLowerCase().includes(query)), next: null };
    }
    const chat = this.chatOf(id);
    return rest ? this.page(chat, searchParams) : this.oneChat(method, chat, body);
  }

  private oneChat(method: Method, chat: Chat, body: unknown): unknown {
    if (method === 'DELETE') {
      this.chats.delete(chat.id);
      setTimeout(() => this.change({ chat_id: chat.id, change: 'deleted' }));
      return undefined;
    }
    if (method === 'PATCH') {
      this.chats.set(chat.id, { ...chat, ...(body as Partial<Chat>), updated_at: this.now() });
      setTimeout(() => this.change({ chat_id: chat.id, change: 'updated' }));
    }
    return this.chats.get(chat.id);
  }

  private page(chat: Chat, params: URLSearchParams): unknown {
    const limit = Number(params.get('limit'));
    const leaf = params.get('leaf');
    const all = [...this.messages.values()].filter(m => m.chat_id === chat.id).sort((a, b) => a.n - b.n);
    if (leaf) {
      const path: Message[] = [];
      for (let m = this.messages.get(leaf); m && path.length < limit; m = this.messages.get(m.parent_id ?? '')) {
        path.push(m);
      }
      return { items: path, next: null };
    }
    const from = Number(params.get('cursor') ?? 0);
    return { items: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null };
  }
}

const path = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join('/');
const textPart = (frame: Sending): Message['parts'][number] => ({
  type: 'text',
  text: (frame as { text?: string }).text ?? ''
});

/** One tab's connection. */
class Tab implements Connection {
  readonly via = 'socket';
  private readonly followed = new Set<string>();
  private open = false;
  private over = false;

  constructor(
    private readonly server: FakeServer,
    private readonly handlers: Handlers
  ) {
    setTimeout(() => {
      if (this.over) {
        return;
      }
      if (server.down) {
        this.cut(1006);
        return;
      }
      this.open = true;
      server.join(this);
      handlers.onOpen();
      this.tell({ type: 'hello', protocol: 'aichat.v1', principal: { scopes: server.scopes } as never });
    });
  }

  send(frame: ClientFrame): void {
    const { server } = this;
    if (!this.open || this.over || server.down) {
      return;
    }
    server.received.push(frame);
    queueMicrotask(() => this.take(frame));
  }

  close(): void {
    this.over = true;
    this.server.leave(this);
  }

  cut(code: number): void {
    if (!this.over) {
      this.close();
      this.handlers.onClose({ code, retry: ![1003, 1008, 4403].includes(code) });
    }
  }

  tell(frame: ServerFrame): void {
    if (this.open && !this.over && !this.server.mute) {
      this.handlers.onFrame(structuredClone(frame));
    }
  }

  onEvent(run: Run, { seq, event }: { seq: number; event: RunEvent }): void {
    if (this.followed.has(run.id)) {
      this.tell({ type: 'event', run_id: run.id, chat_id: run.chat_id, seq, event });
    }
  }

  private take(frame: ClientFrame): void {
    const id = frame.id ?? null;
    try {
      if (frame.type === 'ping') {
        this.tell({ type: 'pong' });
      } else if (frame.type === 'subscribe') {
        this.follow(frame.run_id!, frame.after ?? 0, id);
      } else if (frame.type !== 'unsubscribe') {
        const ack = this.server.carryOut(frame);
        this.tell({ type: 'ack', id, ...ack });
        if (frame.type !== 'stop') {
          this.follow(ack.run!.id, ack.reply!.seq, null);
        }
      }
    } catch (error) {
      const { code, message, details } = error as ApiError;
      this.tell({ type: 'error', id, code, message, details });
    }
  }

  private follow(runId: string, after: number, id: string | number | null): void {
    const events = this.server.eventsAfter(runId, after);
    this.followed.add(runId);
    if (id !== null) {
      this.tell({ type: 'ack', id });
    }
    const { run } = this.server.logs.get(runId)!;
    events.forEach(entry => this.onEvent(run, entry));
  }
}
