const PING_MS = 20_000;
const PONG_MS = 8_000;

/** Finds connections that are half open: we think they stand, and nobody hears us. */
export class Heartbeat {
  private heardAt = 0;
  /** When an unanswered ping was sent (ms), 0 for none. */
  private pingedAt = 0;

  constructor(private readonly sendPing: () => void) {}

  reset(): void {
    this.heardAt = Date.now();
    this.pingedAt = 0;
  }

  /** Something came: the other side lives. */
  heard = (): void => this.reset();

  /** How long nothing came (ms). */
  get silence(): number {
    return Date.now() - this.heardAt;
  }

  /** Asks whether somebody is there, unless an answer is awaited already. */
  ping(): void {
    if (!this.pingedAt) {
      this.pingedAt = Date.now();
      this.sendPing();
    }
  }

  /** Pings after a silence. */
  beat(): void {
    if (this.silence > PING_MS) {
      this.ping();
    }
  }

  isDead = (): boolean => this.pingedAt > 0 && Date.now() - this.pingedAt > PONG_MS;
}
