import { asApiError, type ApiError } from '../client/errors';
import type { Model, ModelsReply, ProviderState } from '../protocol.generated';
import { Value } from './cell';
import type { Ask } from './chats';

export interface ModelChoice {
  items: readonly Model[];
  default: string | null;
  /** What the person chose; null takes the chat's, else the default. */
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
  private timer: ReturnType<typeof setInterval> | undefined;

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
    try {
      const reply = (await this.ask('GET', 'models')) as ModelsReply;
      const { selected } = this.choice.get();
      const kept = reply.items.some(model => model.name === selected);
      this.choice.update({
        items: reply.items,
        default: reply.default,
        providers: reply.providers,
        selected: kept ? selected : null,
        status: 'ready',
        error: null
      });
    } catch (error) {
      this.choice.update({ status: 'error', error: asApiError(error) });
    }
  }

  select(name: string): void {
    this.choice.update({ selected: name });
  }

  private waits(): boolean {
    const { status, items, providers } = this.choice.get();
    return status !== 'ready' || providers.some(p => p.state !== 'ok') || !items.some(model => !model.demo);
  }
}
