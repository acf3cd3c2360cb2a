import type { EventFrame, Message, RunEvent } from '../protocol.generated';
import type { Cell } from './cell';
import { Flusher } from './flusher';
import { endPart, isRunning, openPart, push, viewOf, type MessageView, type TextView } from './message-view';
import { follows } from './seq';

export interface MessagesListener {
  /** The tree has changed. */
  onTree(): void;
  /** Events of a running message are missing: nothing is applied until they were asked for again. */
  onHole(view: MessageView): void;
  /** A run has ended, and what we have of its text may not be all. */
  onDoubt(view: MessageView): void;
}

/** The messages of one chat. Each has its own listeners, so a delta wakes one component, once a frame. */
export class Messages {
  private readonly views = new Map<string, MessageView>();
  private readonly byRun = new Map<string, string>();
  /** Runs whose message another run has gone on with: what still comes of them is late. */
  private readonly pastRuns = new Set<string>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly dirty = new Set<string>();
  private readonly flusher = new Flusher(() => this.flush());

  constructor(private readonly listener: MessagesListener) {}

  get = (id: string): MessageView | undefined => this.views.get(id);

  all = (): readonly MessageView[] => [...this.views.values()];

  /** The message that a run is filling, or has filled last. */
  ofRun(runId: string): MessageView | undefined {
    const view = this.views.get(this.byRun.get(runId) ?? '');
    return view?.runId === runId ? view : undefined;
  }

  isPast = (runId: string): boolean => this.pastRuns.has(runId);

  cell(id: string): Cell<MessageView | undefined> {
    return {
      get: () => this.views.get(id),
      subscribe: listener => {
        const set = this.listeners.get(id) ?? new Set();
        this.listeners.set(id, set.add(listener));
        return () => {
          set.delete(listener);
          if (!set.size && this.listeners.get(id) === set) {
            this.listeners.delete(id);
          }
        };
      }
    };
  }

  /** Takes messages as the server has them, apart from what is known here already or better. */
  take(messages: readonly Message[]): void {
    for (const message of messages) {
      const before = this.views.get(message.id);
      if (!before || this.isNews(message, before)) {
        this.put(viewOf(message, before));
      }
    }
    if (messages.length) {
      this.listener.onTree();
    }
  }

  /** Takes a message whose run has ended as the last word. */
  settle(message: Message): void {
    const before = this.views.get(message.id);
    if (before?.runId === message.run_id && !isRunning(message)) {
      this.put(viewOf(message, before));
    }
  }

  private isNews(message: Message, before: MessageView): boolean {
    if (message.run_id !== before.runId) {
      const late = message.run_id !== null && this.pastRuns.has(message.run_id);
      return !late && message.continuations.length >= before.continuations.length;
    }
    return isRunning(before) && (!isRunning(message) || message.seq > before.seq);
  }

  put(view: MessageView): void {
    const before = this.views.get(view.id);
    if (before?.runId && before.runId !== view.runId) {
      this.pastRuns.add(before.runId);
    }
    this.views.set(view.id, view);
    if (view.runId) {
      this.byRun.set(view.runId, view.id);
    }
    this.wake(view.id);
  }

  change(id: string, change: Partial<MessageView>): void {
    const before = this.views.get(id);
    if (before) {
      this.put({ ...before, ...change });
    }
  }

  remove(id: string): void {
    this.views.delete(id);
    this.wake(id);
    this.listener.onTree();
  }

  clear(): void {
    const ids = [...this.views.keys()];
    this.views.clear();
    this.byRun.clear();
    this.pastRuns.clear();
    this.dirty.clear();
    ids.forEach(id => this.wake(id));
    this.listener.onTree();
  }

  /**
   * Applies an event, once: what was seen before, or belongs to a run that is over here, is left out. `lenient` takes it
   * also where events before it are missing.
   */
  apply({ run_id: runId, seq, event }: EventFrame, lenient = false): void {
    const view = this.ofRun(runId);
    if (!view || !isRunning(view)) {
      return;
    }
    if (event.type === 'run_finished') {
      this.finish(view, seq, event);
    } else if (seq <= view.seq) {
      return;
    } else if (event.type === 'snapshot') {
      this.put({ ...viewOf(event.message, view), runId, seq });
    } else if (!lenient && !follows(view.seq, seq)) {
      this.listener.onHole(view);
    } else if (event.type === 'text_delta' || event.type === 'thinking_delta') {
      this.grow(view, event.type === 'text_delta' ? 'text' : 'thinking', event.text, seq);
    } else {
      this.flushOne(view.id);
      this.change(view.id, { seq, ...changeBy(event, this.views.get(view.id)!) });
    }
  }

  /** Costs the length of the new text; the document follows with the next frame. */
  private grow(view: MessageView, kind: 'text' | 'thinking', text: string, seq: number): void {
    let parts = view.parts;
    let last = parts.at(-1);
    if (last?.kind !== kind) {
      endPart(last);
      last = openPart(kind);
      parts = [...parts, last];
    }
    push(last as TextView, text);
    this.views.set(view.id, { ...view, parts, seq, status: 'streaming', queue: null });
    this.dirty.add(view.id);
    this.flusher.ask();
  }

  private finish(view: MessageView, seq: number, event: Extract<RunEvent, { type: 'run_finished' }>): void {
    view.parts.forEach(part => endPart(part));
    this.dirty.delete(view.id);
    this.put({
      ...view,
      seq: Math.max(seq, view.seq),
      status: event.state,
      reason: event.reason,
      error: event.error,
      usage: event.usage ?? view.usage,
      queue: null,
      stopping: false,
      rev: view.rev + 1
    });
    if (!follows(view.seq, seq)) {
      this.listener.onDoubt(view);
    }
  }

  private flush(): void {
    for (const id of this.dirty) {
      this.flushOne(id);
    }
  }

  private flushOne(id: string): void {
    const view = this.views.get(id);
    if (view && this.dirty.delete(id)) {
      for (const part of view.parts) {
        if (part.kind !== 'tool_call') {
          part.stream.flush();
        }
      }
      this.views.set(id, { ...view, rev: view.rev + 1 });
      this.wake(id);
    }
  }

  private wake(id: string): void {
    this.listeners.get(id)?.forEach(listener => listener());
  }
}

function changeBy(event: RunEvent, view: MessageView): Partial<MessageView> {
  switch (event.type) {
    case 'run_started':
      return { queue: null, askedAt: Date.now() };
    case 'queue_position':
      return { queue: { position: event.position, wait: event.wait, cause: event.cause ?? null } };
    case 'tool_call':
      endPart(view.parts.at(-1));
      return {
        parts: [...view.parts, { kind: 'tool_call', name: event.name, arguments: event.arguments }],
        rev: view.rev + 1
      };
    case 'context':
      return { context: event };
    case 'usage':
      return { usage: event.usage };
    default:
      return {};
  }
}
