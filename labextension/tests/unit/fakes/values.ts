import type { Chat, Message, Model, ModelsReply, Run } from '../../../src/ui/protocol.generated';

export const aChat = (change: Partial<Chat> = {}): Chat => ({
  id: 'c',
  title: 'A chat',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  model: null,
  preset_id: null,
  options: {},
  pinned: false,
  archived: false,
  active_leaf: null,
  ...change
});

export const aMessage = (change: Partial<Message> = {}): Message => ({
  id: 'm',
  chat_id: 'c',
  parent_id: null,
  role: 'user',
  parts: [],
  status: 'completed',
  n: 1,
  created_at: '2026-01-01T00:00:00Z',
  run_id: null,
  seq: 0,
  model: null,
  digest: null,
  usage: null,
  error: null,
  reason: null,
  continuations: [],
  ...change
});

export const aRun = (change: Partial<Run> = {}): Run => ({
  id: 'r',
  chat_id: 'c',
  message_id: 'm',
  state: 'loading',
  reason: null,
  error: null,
  seq: 0,
  usage: null,
  ...change
});

export const aModel = (name: string, change: Partial<Model> = {}): Model => ({
  name,
  digest: null,
  provider: 'ollama',
  capabilities: ['completion'],
  context_length: 4096,
  size: 1e9,
  loaded: false,
  demo: false,
  ...change
});

export const MODELS: ModelsReply = {
  items: [aModel('tiny'), aModel('large')],
  next: null,
  default: 'tiny',
  providers: [{ name: 'ollama', state: 'ok', error: null }]
};

/** The text of a message as the server has it. */
export const textOf = (message: Message | undefined): string =>
  (message?.parts ?? []).map(part => (part.type === 'text' ? part.text : '')).join('');
