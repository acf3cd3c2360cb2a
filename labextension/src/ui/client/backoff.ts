const FIRST_MS = 300;
const LAST_MS = 30_000;

/** How long to wait before the next attempt: anything up to a ceiling that doubles, so that clients do not come in step. */
export class Backoff {
  private failures = 0;

  constructor(private readonly random: () => number) {}

  /** Milliseconds. */
  next(): number {
    return this.random() * Math.min(LAST_MS, FIRST_MS * 2 ** this.failures++);
  }

  reset(): void {
    this.failures = 0;
  }
}
