import type { Client } from '../client/client';
import { ApiError, asApiError } from '../client/errors';

/** Asks for the events of runs: for each at most one question is under way. */
export class Following {
  private readonly asked = new Map<string, AbortController>();
  private readonly heardAt = new Map<string, number>();

  constructor(
    private readonly client: Client,
    private readonly onUnknown: (runId: string) => void
  ) {}

  /** Asks for what came after `seq`, when connected. */
  follow(runId: string, seq: number): void {
    this.asked.get(runId)?.abort();
    const control = new AbortController();
    this.asked.set(runId, control);
    this.heard(runId);
    this.client.ask({ type: 'subscribe', run_id: runId, after: seq }, control.signal).then(
      () => this.answered(runId, control),
      error => {
        this.answered(runId, control);
        if (isUnknown(asApiError(error))) {
          this.onUnknown(runId);
        }
      }
    );
  }

  /** Whether an answer is awaited: what comes before it is of an earlier question. */
  isAsked = (runId: string): boolean => this.asked.has(runId);

  heard(runId: string): void {
    this.heardAt.set(runId, Date.now());
  }

  /** How long nothing came of a run (ms). */
  silence = (runId: string): number => Date.now() - (this.heardAt.get(runId) ?? 0);

  clear(): void {
    this.asked.forEach(control => control.abort());
    this.asked.clear();
    this.heardAt.clear();
  }

  private answered(runId: string, control: AbortController): void {
    if (this.asked.get(runId) === control) {
      this.asked.delete(runId);
    }
  }
}

const isUnknown = ({ code }: ApiError): boolean => code === 'not_found';
