import type { EventFrame, Message, RunEvent } from '../protocol.generated';
import type { Cell } from './cell';
import { Flusher } from './flusher';
import { isRunning, openPart, push, viewOf, type MessageView, type TextView } from './message-view';

/** The messages of one chat. Each has its own listeners, so a delta wakes one component, once a frame. */
export class Messages {
  private readonly views = new Map<string, MessageView>();
  private readonly byRun = new Map<string, string>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly dirty = new Set<string>();
  private readonly flusher = new Flusher(() => this.flush());

  constructor(private readonly onTree: () => void) {}

  get = (id: string): MessageView | undefined => this.views.get(id);

  all = (): readonly MessageView[] => [...this.views.values()];

  ofRun = (runId: string): MessageView | undefined => this.views.get(this.byRun.get(runId) ?? '');

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

  /** Takes messages as the server has them; one that streams here already keeps what it has seen later. */
  take(messages: readonly Message[]): void {
    for (const message of messages) {
      const before = this.views.get(message.id);
      const stale = before && before.runId === message.run_id && before.seq > message.seq;
      if (!stale || !isRunning(message)) {
        this.put(viewOf(message, before));
      }
    }
    if (messages.length) {
      this.onTree();
    }
  }

  put(view: MessageView): void {
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
    this.onTree();
  }

  clear(): void {
    const ids = [...this.views.keys()];
    this.views.clear();
    this.byRun.clear();
    this.dirty.clear();
    ids.forEach(id => this.wake(id));
    this.onTree();
  }

  /** Applies an event, once: what was seen before, or belongs to another run, is left out. */
  apply({ run_id: runId, seq, event }: EventFrame): void {
    const view = this.ofRun(runId);
    if (!view || (seq <= view.seq && event.type !== 'run_finished') || (event.type === 'run_finished' && !isRunning(view))) {
      return;
    }
    if (event.type === 'text_delta' || event.type === 'thinking_delta') {
      this.grow(view, event.type === 'text_delta' ? 'text' : 'thinking', event.text, seq);
    } else if (event.type === 'snapshot') {
      this.put({ ...viewOf(event.message, view), seq });
    } else {
      this.flushOne(view.id);
      this.change(view.id, { seq, ...changeBy(event, view) });
    }
  }

  /** Costs the length of the new text; the document follows with the next frame. */
  private grow(view: MessageView, kind: 'text' | 'thinking', text: string, seq: number): void {
    let parts = view.parts;
    let last = parts.at(-1);
    if (!last || last.kind !== kind) {
      if (last && 'ended' in last) {
        last.ended ??= Date.now();
      }
      last = openPart(kind);
      parts = [...parts, last];
    }
    push(last as TextView, text);
    const grown: MessageView = { ...view, parts, seq, status: 'streaming', queue: null };
    this.views.set(view.id, grown);
    this.dirty.add(view.id);
    this.flusher.ask();
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
      return { queue: { position: event.position, wait: event.wait } };
    case 'tool_call':
      return { parts: [...view.parts, { kind: 'tool_call', name: event.name, arguments: event.arguments }], rev: view.rev + 1 };
    case 'context':
      return { context: event };
    case 'usage':
      return { usage: event.usage };
    case 'run_finished':
      endParts(view);
      return {
        status: event.state,
        reason: event.reason,
        error: event.error,
        usage: event.usage ?? view.usage,
        queue: null,
        stopping: false,
        rev: view.rev + 1
      };
    default:
      return {};
  }
}

function endParts(view: MessageView): void {
  for (const part of view.parts) {
    if (part.kind !== 'tool_call') {
      part.ended ??= Date.now();
    }
  }
}
