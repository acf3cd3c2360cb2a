import { asApiError, type ApiError } from '../client/errors';
import type { Model, ModelsReply, ProviderState } from '../protocol.generated';
import { Value } from './cell';
import type { Ask } from './chats';

export interface ModelChoice {
  items: readonly Model[];
  default: string | null;
  /** What the person chose, if it is on offer; null takes the chat's, else the default. */
  selected: string | null;
  providers: readonly ProviderState[];
  status: 'loading' | 'ready' | 'error';
  error: ApiError | null;
}

const POLL_MS = 3_000;

/** The models on offer. While a provider is away or has none, it is asked again every few seconds. */
export class Models {
  readonly choice = new Value<ModelChoice>({
    items: [],
    default: null,
    selected: null,
    providers: [],
    status: 'loading',
    error: null
  });
  /** What the person chose, also while its provider is away. */
  private wanted: string | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private turn = 0;

  constructor(private readonly ask: Ask) {}

  start(): void {
    void this.refresh();
    this.timer = setInterval(() => {
      if (!document.hidden && this.waits()) {
        void this.refresh();
      }
    }, POLL_MS);
  }

  dispose(): void {
    clearInterval(this.timer);
  }

  async refresh(): Promise<void> {
    const turn = ++this.turn;
    try {
      const { items, default: first, providers } = (await this.ask('GET', 'models')) as ModelsReply;
      if (turn === this.turn) {
        const selected = find(items, this.wanted)?.name ?? null;
        this.choice.set({ items, default: first, providers, selected, status: 'ready', error: null });
      }
    } catch (error) {
      if (turn === this.turn) {
        this.choice.update({ status: 'error', error: asApiError(error) });
      }
    }
  }

  select(name: string): void {
    this.wanted = name;
    this.choice.update({ selected: name });
  }

  /** Another chat is open: one that has begun answers with its own model. */
  forget(begun: boolean): void {
    if (begun) {
      this.wanted = null;
      this.choice.update({ selected: null });
    }
  }

  /** The model that a chat's next question goes to: the chosen one, the chat's own, the default. */
  nameFor(ofChat: string | null): string | null {
    const { selected } = this.choice.get();
    return selected ?? this.insteadOf(ofChat) ?? ofChat ?? this.choice.get().default;
  }

  /** The model to name in a request; null leaves it to the chat and the server. */
  toAskFor(ofChat: string | null): string | null {
    return this.choice.get().selected ?? this.insteadOf(ofChat);
  }

  /** The default where the chat's model is not on offer any more, but never the demo in the place of a real one. */
  private insteadOf(ofChat: string | null): string | null {
    const { items, default: first, status } = this.choice.get();
    const gone = status === 'ready' && ofChat !== null && !find(items, ofChat);
    const other = gone ? find(items, first) : undefined;
    return other && !other.demo ? other.name : null;
  }

  private waits(): boolean {
    const { status, items, providers } = this.choice.get();
    return status !== 'ready' || providers.some(p => p.state !== 'ok') || !items.some(model => !model.demo);
  }
}

const find = (items: readonly Model[], name: string | null): Model | undefined =>
  items.find(model => model.name === name) ?? items.find(model => model.name === `${name}:latest`);
