import { BlockStream } from '../markdown/blocks';
import type { Context, Continuation, Failure, Message, Part, Usage } from '../protocol.generated';

/** A part as it is shown. The text of a stream is no React value: a delta costs its own length. */
export type PartView =
  | { kind: 'text' | 'thinking'; stream: BlockStream; raw: string[]; begun: number; ended: number | null }
  | { kind: 'tool_call'; name: string; arguments: Record<string, unknown> };

export type MessageStatus = Message['status'] | 'sending' | 'unsent';

/** A message as it is shown; a new object for each change, so that one component re-renders. */
export interface MessageView {
  readonly id: string;
  readonly parentId: string | null;
  readonly role: Message['role'];
  readonly n: number;
  readonly createdAt: string;
  readonly parts: readonly PartView[];
  /** Grows whenever the text of a part did. */
  readonly rev: number;
  readonly status: MessageStatus;
  readonly runId: string | null;
  readonly seq: number;
  readonly model: string | null;
  readonly usage: Usage | null;
  readonly error: Failure | null;
  readonly reason: string | null;
  readonly continuations: readonly Continuation[];
  readonly context: Context | null;
  readonly queue: { position: number; wait: number | null } | null;
  /** When the model was asked (ms); the time until the first text is its loading. */
  readonly askedAt: number | null;
  readonly stopping: boolean;
}

export const isRunning = (m: Pick<MessageView, 'status'>): boolean => m.status === 'pending' || m.status === 'streaming';

export function partView(part: Part): PartView {
  if (part.type === 'tool_call') {
    return { kind: 'tool_call', name: part.name, arguments: part.arguments };
  }
  const view = openPart(part.type);
  push(view, part.text);
  view.stream.flush();
  view.ended = view.begun;
  return view;
}

export type TextView = Extract<PartView, { stream: BlockStream }>;

export const openPart = (kind: 'text' | 'thinking'): TextView => ({
  kind,
  stream: new BlockStream(),
  raw: [],
  begun: Date.now(),
  ended: null
});

export function push(part: TextView, text: string): void {
  part.stream.push(text);
  part.raw.push(text);
}

export function viewOf(message: Message, before?: MessageView): MessageView {
  return {
    id: message.id,
    parentId: message.parent_id,
    role: message.role,
    n: message.n,
    createdAt: message.created_at,
    parts: message.parts.map(partView),
    rev: (before?.rev ?? 0) + 1,
    status: message.status,
    runId: message.run_id,
    seq: message.seq,
    model: message.model,
    usage: message.usage,
    error: message.error,
    reason: message.reason,
    continuations: message.continuations,
    context: before?.runId === message.run_id ? (before?.context ?? null) : null,
    queue: null,
    askedAt: before?.askedAt ?? (isRunning(message) ? Date.now() : null),
    stopping: false
  };
}

/** The message's text without thinking and tool calls. */
export const textOf = (m: MessageView): string =>
  m.parts.map(part => (part.kind === 'text' ? part.raw.join('') : '')).join('');
