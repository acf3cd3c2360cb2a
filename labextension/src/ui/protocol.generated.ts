// Generated from the code by `make docs`; do not edit.

/** A frame was carried out. The sends are answered with all but ``runs``, stop with ``run``, a chat with ``runs``. */
export interface AckFrame {
  type: 'ack';
  id: string | number | null;
  chat_id?: string;
  message?: Message;
  reply?: Message;
  run?: Run;
  runs?: RunState[];
}

/** Another answer, or the rest of one. Options given here win over those of the chat, field by field. */
export interface AgainBody {
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
}

/** Some records, newest first, and the opaque cursor to those before them. ``names`` are those of the accounts in them, by their ids, as they are called now; of one that is gone there is none. */
export interface AuditPage {
  items: AuditRecord[];
  next: string | null;
  names: Record<string, string>;
}

/** Who (``actor``) did what to whom (``subject``), when, and from which address. An actor of None is somebody who was not logged in. ``details`` are short words and ids. ``action`` is an `Action`, or one that a newer version wrote, which a replica of this version lists as it is. */
export interface AuditRecord {
  id: string;
  at: string;
  action: string;
  actor: string | null;
  subject: string | null;
  address: string;
  details: Record<string, string>;
}

/** Who may register here, and with which passwords. */
export interface AuthReply {
  registration: 'closed' | 'invitation' | 'open';
  password: PasswordRules;
}

/** A chat as its owner sees it; the owner's id stands beside it, never in it. */
export interface Chat {
  id: string;
  title: string;
  created_at: string;
  updated_at: string;
  model: string | null;
  preset_id: string | null;
  options: Options;
  pinned: boolean;
  archived: boolean;
  active_leaf: string | null;
}

/** Something changed in one of the owner's chats. */
export interface ChatChangedFrame {
  type: 'chat_changed';
  chat_id: string;
  change: 'created' | 'deleted' | 'message' | 'updated';
  message_id?: string;
  run_id?: string;
}

/** What to change of a chat; an absent field stays as it is. */
export interface ChatChangesBody {
  title?: string;
  model?: string | null;
  options?: Options;
  pinned?: boolean;
  archived?: boolean;
  active_leaf?: string;
}

/** Some chats, and the opaque cursor to the next ones. */
export interface ChatPage {
  items: Chat[];
  next: string | null;
}

export type ClientFrame = SendFrame | EditFrame | RegenerateFrame | ContinueFrame | SubscribeFrame | UnsubscribeFrame | StopFrame | PingFrame;

/** What of the history the model was given. ``sent`` and ``left_out`` count messages; ``budget`` is the room for the prompt and ``tokens`` our estimate of what was sent, both in tokens. ``cut`` says that the provider read clearly less than we sent. */
export interface Context {
  type: 'context';
  sent: number;
  left_out: number;
  budget: number;
  tokens: number;
  cut: boolean;
}

/** Where an answer was taken up again: in which part, at which character, when, and by whom. */
export interface Continuation {
  part: number;
  offset: number;
  at: string;
  cause: 'takeover' | 'user';
}

/** The rest of an answer. */
export interface ContinueFrame {
  type: 'continue';
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
  id?: string | number | null;
  chat_id: string;
  message_id: string;
}

/** A question put differently: either ``text`` or ``parts``. */
export interface EditBody {
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
  text?: string;
  parts?: TextInput[];
}

/** A question put differently. */
export interface EditFrame {
  type: 'edit';
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
  text?: string;
  parts?: TextInput[];
  id?: string | number | null;
  chat_id: string;
  message_id: string;
}

/** What went wrong. ``reason`` is Jupyter's own field, null where it has nothing to say. */
export interface ErrorBody {
  code: string;
  message: string;
  details: Record<string, unknown>;
  reason: string | null;
}

/** A frame was not carried out; ``id`` is null where the frame had none or could not be read. */
export interface ErrorFrame {
  type: 'error';
  id: string | number | null;
  code: string;
  message: string;
  details: Record<string, unknown>;
}

/** One event of a run. */
export interface EventFrame {
  type: 'event';
  run_id: string;
  chat_id: string;
  seq: number;
  event: RunStarted | QueuePosition | TextDelta | ThinkingDelta | ToolCall | Context | UsageEvent | Snapshot | RunFinished;
}

/** A stable code, a sentence for a person, and what a client can act on. */
export interface Failure {
  code: string;
  message: string;
  details: Record<string, unknown>;
}

/** What a login or a refresh gives; ``expires_in`` are the seconds of the access token. ``refresh_token`` is absent where it went into the cookie. */
export interface GrantReply {
  access_token: string;
  refresh_token?: string;
  expires_in: number;
  token_type: 'Bearer';
}

/** That the process lives, and how far it is; ``code`` says what a failed start was about. ``service`` is what a server that forwards to a service has last seen of it, null where chats are kept here. */
export interface HealthReply {
  status: 'ok';
  state: 'failed' | 'ready' | 'starting' | 'stopping';
  code: string | null;
  version: string;
  service: 'away' | 'ok' | 'refused' | 'unknown' | null;
}

/** The first frame: the protocol, and who is asking. */
export interface HelloFrame {
  type: 'hello';
  protocol: string;
  principal: Principal;
}

/** A chat of the file that was not imported: where it stands there, and why not. */
export interface ImportFailure {
  path: string;
  code: string;
  message: string;
}

/** How many chats of a file were imported and how many were not; of each at most the first hundred are listed. */
export interface ImportReply {
  imported: number;
  failed: number;
  items: ImportedChat[];
  failures: ImportFailure[];
}

/** A chat that was imported, and how many messages it has. */
export interface ImportedChat {
  id: string;
  title: string;
  messages: number;
}

/** An invitation that can still be used, once. */
export interface InvitationReply {
  id: string;
  roles: string[];
  created_by: string;
  created_at: string;
  expires_at: string;
}

/** All invitations that can still be used, newest first. */
export interface InvitationsReply {
  items: InvitationReply[];
  next: null;
}

/** The password, once more, of who deletes the account. */
export interface LeaveBody {
  password: string;
}

/** The bounds that a client can know beforehand: sizes in bytes, and of a service how much one may do. Null is no bound. ``connections`` are sockets and event streams, ``quotas`` what is used of each by now. */
export interface Limits {
  body: number;
  frame: number;
  requests_per_minute: number | null;
  sends_per_minute: number | null;
  connections: number | null;
  quotas: QuotaStanding[];
}

/** Who logs in. With ``cookie`` the refresh token comes as a cookie that no script can read. ``known`` is a refresh or access token from before: whoever brings one of the account's own is not locked out by others' wrong passwords. */
export interface LoginBody {
  username: string;
  password: string;
  cookie?: boolean;
  known?: string | null;
}

/** The refresh token, unless it comes as a cookie; without either the session of the access token ends. */
export interface LogoutBody {
  refresh_token?: string | null;
}

/** Who is asking. ``keeps_chats_days`` is for how many days a chat is kept that nobody changes, null for ever. ``keeps_pinned`` tells whether that is not so of pinned ones, which are kept. */
export interface MeReply {
  owner_id: string;
  name: string;
  display_name: string;
  roles: string[];
  scopes: string[];
  preferences: Record<string, unknown>;
  limits: Limits;
  groups: string[];
  keeps_chats_days: number | null;
  keeps_pinned: boolean;
}

/** A message as its owner sees it. ``n`` orders the messages of a chat. ``seq`` is the last event of the current run that ``parts`` contain. */
export interface Message {
  id: string;
  chat_id: string;
  parent_id: string | null;
  role: 'assistant' | 'user';
  parts: (TextPart | ThinkingPart | ToolCallPart)[];
  status: 'completed' | 'failed' | 'interrupted' | 'pending' | 'stopped' | 'streaming';
  n: number;
  created_at: string;
  run_id: string | null;
  seq: number;
  model: string | null;
  digest: string | null;
  usage: Usage | null;
  error: Failure | null;
  reason: string | null;
  continuations: Continuation[];
}

/** Some messages, and the opaque cursor to the next ones. */
export interface MessagePage {
  items: Message[];
  next: string | null;
}

/** A model that a chat may use. ``size`` in bytes, ``context_length`` in tokens, None where unknown. ``demo`` marks a scripted model: it answers, but it is none. */
export interface Model {
  name: string;
  digest: string | null;
  provider: string;
  capabilities: string[];
  context_length: number | null;
  size: number | null;
  loaded: boolean;
  demo: boolean;
}

/** The models on offer, the one to take when none is named, and the state of each provider. */
export interface ModelsReply {
  items: Model[];
  next: string | null;
  default: string | null;
  providers: ProviderState[];
}

/** A chat to create; without a title it takes one from its first message. */
export interface NewChatBody {
  title?: string;
  model?: string | null;
  options?: Options;
}

/** An invitation to make: which roles it gives, and for how many days it can be used. */
export interface NewInvitationBody {
  roles?: ('admin' | 'user')[];
  days?: number;
}

/** A new invitation, whose code is never shown again. */
export interface NewInvitationReply {
  id: string;
  roles: string[];
  created_by: string;
  created_at: string;
  expires_at: string;
  invitation: string;
}

/** A share to make: ``with`` a user, or else a link; until ``expires_at``, or for ``expires_in`` seconds. */
export interface NewShareBody {
  with?: string | null;
  expires_at?: string | null;
  expires_in?: number | null;
}

/** A new share. ``token`` opens a link and is shown this once; null where the reader opens it by its ``id``. */
export interface NewShareReply {
  id: string;
  with: string | null;
  created_at: string;
  expires_at: string | null;
  token: string | null;
}

/** A personal token to make: for what, what it may do, and for how many days. */
export interface NewTokenBody {
  name: string;
  scopes?: ('admin' | 'chats:read' | 'chats:write')[];
  days?: number;
}

/** A new personal token, which is never shown again. */
export interface NewTokenReply {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string;
  used_at: string | null;
  token: string;
}

/** An account to make for somebody. */
export interface NewUserBody {
  username: string;
  password: string;
  display_name?: string;
  roles?: ('admin' | 'user')[];
}

/** Options of a chat or of one send; those of the send win, field by field. ``system`` and ``think`` are ours; the rest are the provider's sampling parameters. ``num_ctx`` (tokens) reloads a shared model, so it is the operator's to allow. */
export interface Options {
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  seed?: number | null;
  stop?: string[] | null;
  num_predict?: number | null;
  repeat_penalty?: number | null;
  repeat_last_n?: number | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  num_ctx?: number | null;
  system?: string | null;
  think?: boolean | null;
}

export type Part = TextPart | ThinkingPart | ToolCallPart;

/** Each part, without addresses and error texts. */
export interface Parts {
  store: 'down' | 'ok';
  bus: 'down' | 'ok';
  cache: 'down' | 'ok';
  provider: 'down' | 'ok';
}

/** The present password and the one to have from now on. */
export interface PasswordBody {
  password: string;
  new_password: string;
}

/** What a new password must be: at least so many characters, at most so many bytes in UTF-8. */
export interface PasswordRules {
  min_characters: number;
  max_bytes: number;
}

/** Ask whether somebody is there. */
export interface PingFrame {
  type: 'ping';
  id?: string | number | null;
}

/** Somebody is there. */
export interface PongFrame {
  type: 'pong';
}

/** The identity that the server established; never taken from a body. */
export interface Principal {
  owner_id: string;
  name: string;
  display_name: string;
  roles: string[];
  scopes: string[];
  groups: string[];
}

/** What to change of one's own account; preferences are laid over those that there are, null takes one away. */
export interface ProfileBody {
  display_name?: string;
  preferences?: Record<string, string | boolean | number | null>;
}

/** Whether a provider answers. */
export interface ProviderState {
  name: string;
  state: 'ok' | 'unreachable';
  error: Failure | null;
}

/** The run waits: ``position`` in line (1 is next), expected ``wait`` in seconds. ``cause`` is there where it waits for something else than its turn: no process that asks the models is there. */
export interface QueuePosition {
  type: 'queue_position';
  position: number;
  wait: number | null;
  cause: 'no_worker' | null;
}

/** Bounds on what one person uses of all models together that a pattern fits; None is no bound. A pattern is one of `provider/model` or of `model`: ``*``, ``ollama/*``, ``llama3.3:70b``. */
export interface Quota {
  model?: string;
  tokens_per_day?: number | null;
  tokens_per_month?: number | null;
  seconds_per_day?: number | null;
  seconds_per_month?: number | null;
}

/** How much of one bound is used; ``quota`` is its name (``tokens_per_day`` …), ``resets_at`` when it begins anew. */
export interface QuotaStanding {
  model: string;
  quota: string;
  limit: number;
  used: number;
  resets_at: string;
}

/** ``degraded`` still serves; ``down`` does not. */
export interface Readiness {
  status: 'degraded' | 'down' | 'ok';
  parts: Parts;
}

/** What was shared with the one who asks, newest first, and the opaque cursor to the next ones. */
export interface ReceivedPage {
  items: ReceivedShare[];
  next: string | null;
}

/** A chat that was shared with the one who asks; read it by this id. */
export interface ReceivedShare {
  id: string;
  title: string;
  shared_by: string;
  created_at: string;
  expires_at: string | null;
}

/** The refresh token, unless it comes as a cookie; the same ``attempt`` gets the same answer for 30 seconds. */
export interface RefreshBody {
  refresh_token?: string | null;
  attempt?: string | null;
}

/** Another answer. */
export interface RegenerateFrame {
  type: 'regenerate';
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
  id?: string | number | null;
  chat_id: string;
  message_id: string;
}

/** Who wants an account; with an invitation where one is needed. */
export interface RegisterBody {
  username: string;
  password: string;
  display_name?: string;
  invitation?: string | null;
}

/** A run as its owner sees it. */
export interface Run {
  id: string;
  chat_id: string;
  message_id: string;
  state: 'completed' | 'failed' | 'interrupted' | 'loading' | 'queued' | 'stopped' | 'streaming';
  reason: string | null;
  error: Failure | null;
  seq: number;
  usage: Usage | null;
}

export type RunEvent = RunStarted | QueuePosition | TextDelta | ThinkingDelta | ToolCall | Context | UsageEvent | Snapshot | RunFinished;

/** The end, once. */
export interface RunFinished {
  type: 'run_finished';
  state: 'completed' | 'failed' | 'interrupted' | 'stopped';
  reason: string | null;
  error: Failure | null;
  usage: Usage | null;
}

/** A worker has claimed the run and asks the provider; until the first text the model may be loading. */
export interface RunStarted {
  type: 'run_started';
}

/** A run of a chat that was subscribed to. */
export interface RunState {
  id: string;
  state: 'completed' | 'failed' | 'interrupted' | 'loading' | 'queued' | 'stopped' | 'streaming';
  seq: number;
}

/** A question. ``parent_id`` absent is the chat's active leaf, null a new root. */
export interface SendBody {
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
  text?: string;
  parts?: TextInput[];
  parent_id?: string | null;
}

/** A question; without ``chat_id`` it begins a chat. The socket then follows the run. */
export interface SendFrame {
  type: 'send';
  model?: string | null;
  options?: Options;
  idempotency_key?: string | null;
  text?: string;
  parts?: TextInput[];
  parent_id?: string | null;
  id?: string | number | null;
  chat_id?: string | null;
}

/** The question, the reply that its run fills, and the run. */
export interface SentReply {
  message: Message;
  reply: Message;
  run: Run;
}

export type ServerFrame = HelloFrame | AckFrame | ErrorFrame | EventFrame | ChatChangedFrame | ServiceFrame | PongFrame;

/** The body of ``/ready``, whenever it changes. */
export interface ServiceFrame {
  type: 'service';
  status: 'degraded' | 'down' | 'ok';
  parts: Parts;
}

/** A login that goes on; ``address`` and ``agent`` are those of its last refresh, at ``refreshed_at``. */
export interface SessionReply {
  id: string;
  created_at: string;
  refreshed_at: string;
  expires_at: string;
  address: string;
  agent: string;
  current: boolean;
}

/** All sessions of the account, newest first. */
export interface SessionsReply {
  items: SessionReply[];
  next: null;
}

/** A share, as the chat's owner sees it; ``with`` is a user name, null for a link. */
export interface ShareReply {
  id: string;
  with: string | null;
  created_at: string;
  expires_at: string | null;
}

/** The chat without its messages: at first, and when something of it has changed. */
export interface SharedChatFrame {
  type: 'chat';
  title: string;
  model: string | null;
  shared_by: string;
  expires_at: string | null;
}

/** The share has ended; why is nobody's business but its owner's. */
export interface SharedEndFrame {
  type: 'end';
}

/** One step of an answer. */
export interface SharedEventFrame {
  type: 'event';
  message_id: string;
  event: RunStarted | TextDelta | ThinkingDelta | ToolCall | SharedSnapshot | SharedRunFinished;
}

export type SharedFrame = SharedChatFrame | SharedMessagesFrame | SharedEventFrame | SharedEndFrame;

/** A message as a reader of a share sees it; ``error`` is a code. */
export interface SharedMessage {
  id: string;
  role: 'assistant' | 'user';
  parts: (TextPart | ThinkingPart | ToolCallPart)[];
  status: 'completed' | 'failed' | 'interrupted' | 'pending' | 'stopped' | 'streaming';
  created_at: string;
  model: string | null;
  reason: string | null;
  error: string | null;
}

/** The branch goes on with these after the message ``after``; null: they are all, with the cursor to earlier ones. */
export interface SharedMessagesFrame {
  type: 'messages';
  after: string | null;
  items: SharedMessage[];
  next: string | null;
}

/** A shared chat: the branch that its owner sees, the newest messages in reading order, and the cursor to earlier ones. */
export interface SharedReply {
  title: string;
  model: string | null;
  shared_by: string;
  expires_at: string | null;
  messages: SharedMessage[];
  next: string | null;
}

/** The answer has ended; ``error`` is a code. */
export interface SharedRunFinished {
  type: 'run_finished';
  state: 'completed' | 'failed' | 'interrupted' | 'stopped';
  reason: string | null;
  error: string | null;
}

/** The whole message so far: replaces what a reader has of it. */
export interface SharedSnapshot {
  type: 'snapshot';
  message: SharedMessage;
}

/** The shares of a chat, newest first. */
export interface SharesReply {
  items: ShareReply[];
  next: string | null;
}

/** The whole message so far: replaces what a reader has of it. */
export interface Snapshot {
  type: 'snapshot';
  message: Message;
}

/** Stop a run. */
export interface StopFrame {
  type: 'stop';
  id?: string | number | null;
  run_id: string;
}

/** The run as it stands. */
export interface StopReply {
  run: Run;
}

/** Follow a run from after an event (0: from its first), or all runs of a chat. */
export interface SubscribeFrame {
  type: 'subscribe';
  id?: string | number | null;
  run_id?: string;
  after?: number;
  chat_id?: string;
}

/** More text of the last part, or the beginning of a new text part. */
export interface TextDelta {
  type: 'text_delta';
  text: string;
}

/** A part that a person writes: Markdown. */
export interface TextInput {
  type: 'text';
  text: string;
}

/** Markdown. */
export interface TextPart {
  type: 'text';
  text: string;
}

/** More thinking, or the beginning of a new thinking part. */
export interface ThinkingDelta {
  type: 'thinking_delta';
  text: string;
}

/** What the model wrote before its answer. */
export interface ThinkingPart {
  type: 'thinking';
  text: string;
}

/** A personal token; ``used_at`` is right to the hour. */
export interface TokenReply {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string;
  used_at: string | null;
}

/** All personal tokens of the account, newest first. */
export interface TokensReply {
  items: TokenReply[];
  next: null;
}

/** The model asks for a tool. */
export interface ToolCall {
  type: 'tool_call';
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

/** A tool that the model asks to call; nothing is run without a person's word. */
export interface ToolCallPart {
  type: 'tool_call';
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

/** Follow a run, or the runs of a chat, no more. */
export interface UnsubscribeFrame {
  type: 'unsubscribe';
  id?: string | number | null;
  run_id?: string;
  chat_id?: string;
}

/** Token counts and durations (milliseconds) of a run, as far as the provider told them. */
export interface Usage {
  prompt_tokens: number | null;
  completion_tokens: number | null;
  total_ms: number | null;
  load_ms: number | null;
  first_token_ms: number | null;
  tokens_per_second: number | null;
  cached: boolean;
}

/** Counts and durations, when the provider has told them. */
export interface UsageEvent {
  type: 'usage';
  usage: Usage;
}

/** Some of what was used, newest day first, and the opaque cursor to what comes after. */
export interface UsagePage {
  items: UsageReply[];
  next: string | null;
}

/** The same of somebody; ``name`` is null where the account is gone. */
export interface UsageReply {
  day: string;
  model: string;
  prompt_tokens: number;
  completion_tokens: number;
  seconds: number;
  runs: number;
  owner_id: string;
  name: string | null;
}

/** Some of what one used, newest day first, and the opaque cursor to what comes after. */
export interface UsedPage {
  items: UsedReply[];
  next: string | null;
}

/** What one used of a model on a day (UTC), over so many answers. ``model`` begins with its provider's name, ``seconds`` are those in which it wrote. */
export interface UsedReply {
  day: string;
  model: string;
  prompt_tokens: number;
  completion_tokens: number;
  seconds: number;
  runs: number;
}

/** What to change of somebody's account, all of it or nothing; ``quotas`` go before the service's rules. ``groups`` are all that it shall be in; a group is there with its first member. */
export interface UserChangesBody {
  roles?: ('admin' | 'user')[];
  disabled?: boolean;
  password?: string;
  quotas?: Quota[];
  groups?: string[];
}

/** Some accounts, by name, and the opaque cursor to the next ones. */
export interface UserPage {
  items: UserReply[];
  next: string | null;
}

/** An account; ``quotas`` are those of its own, which go before the service's rules. */
export interface UserReply {
  id: string;
  name: string;
  display_name: string;
  roles: string[];
  disabled: boolean;
  created_at: string;
  changed_at: string;
  quotas: Quota[];
  groups: string[];
}
