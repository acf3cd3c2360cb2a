import { BlockStream } from '../markdown/blocks';
import type { Context, Continuation, Failure, Message, Part, QueuePosition, Usage } from '../protocol.generated';

/** A part as it is shown. The text of a stream is no React value: a delta costs its own length. */
export type PartView =
  | { kind: 'text' | 'thinking'; stream: BlockStream; raw: string[]; begun: number; ended: number | null }
  | { kind: 'tool_call'; name: string; arguments: Record<string, unknown> };

export type MessageStatus = Message['status'] | 'sending' | 'unsent';

/** Where an answer waits, and for what if not for its turn. */
export type QueuePlace = Omit<QueuePosition, 'type'>;

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
  readonly queue: QueuePlace | null;
  /** When the model was asked (ms); the time until the first text is its loading. */
  readonly askedAt: number | null;
  readonly stopping: boolean;
  /** Why what a person asked of this message (another answer, the rest of it, a stop) was refused. */
  readonly refused: Failure | null;
}

export const isRunning = (m: Pick<MessageView, 'status'>): boolean =>
  m.status === 'pending' || m.status === 'streaming';

/** `open`: more may come for this part. */
export function partView(part: Part, open: boolean): PartView {
  if (part.type === 'tool_call') {
    return { kind: 'tool_call', name: part.name, arguments: part.arguments };
  }
  const view = openPart(part.type);
  push(view, part.text);
  view.stream.flush();
  if (!open) {
    endPart(view, view.begun);
  }
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

/** No more text comes for this part. */
export function endPart(part: PartView | undefined, at = Date.now()): void {
  if (part && part.kind !== 'tool_call') {
    part.ended ??= at;
    part.stream.end();
  }
}

/** A message as the server has it; what only a viewer knows is kept from `before` while the run is the same. */
export function viewOf(message: Message, before?: MessageView): MessageView {
  const running = isRunning(message);
  const same = before?.runId === message.run_id ? before : undefined;
  const last = message.parts.length - 1;
  return {
    id: message.id,
    parentId: message.parent_id,
    role: message.role,
    n: message.n,
    createdAt: message.created_at,
    parts: message.parts.map((part, i) => partView(part, running && i === last)),
    rev: (before?.rev ?? 0) + 1,
    status: message.status,
    runId: message.run_id,
    seq: message.seq,
    model: message.model,
    usage: message.usage,
    error: message.error,
    reason: message.reason,
    continuations: message.continuations,
    context: same?.context ?? null,
    queue: null,
    askedAt: same?.askedAt ?? (running ? Date.now() : null),
    stopping: (running && same?.stopping) || false,
    refused: null
  };
}

/** A question that the server does not have yet. */
export function localView(id: string, parentId: string | null, text: string): MessageView {
  const part = openPart('text');
  push(part, text);
  endPart(part);
  return {
    id,
    parentId,
    role: 'user',
    n: Number.MAX_SAFE_INTEGER,
    createdAt: new Date().toISOString(),
    parts: [part],
    rev: 0,
    status: 'sending',
    runId: null,
    seq: 0,
    model: null,
    usage: null,
    error: null,
    reason: null,
    continuations: [],
    context: null,
    queue: null,
    askedAt: null,
    stopping: false,
    refused: null
  };
}

/** The message's text without thinking and tool calls. */
export const textOf = (m: MessageView): string =>
  m.parts.map(part => (part.kind === 'text' ? part.raw.join('') : '')).join('');
