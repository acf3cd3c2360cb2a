import type { Client } from '../client/client';
import type { EventFrame, Message } from '../protocol.generated';
import { Following } from './following';
import { isRunning, type MessageView } from './message-view';
import type { Messages } from './messages';

/** After this silence the events of a run are asked for again (ms). */
const SILENCE_MS = 20_000;

/** Keeps the running messages of a chat whole: no event twice, none missing, and the end as the server has it. */
export class LiveRuns {
  private readonly following: Following;
  /** By run: the place of a hole that was asked for. */
  private readonly holes = new Map<string, number>();
  private readonly doubtful = new Set<string>();

  /** `read` gets a message from the server. */
  constructor(
    client: Client,
    private readonly messages: Messages,
    private readonly read: (messageId: string) => Promise<Message | undefined>
  ) {
    this.following = new Following(client, runId => this.onUnknownRun(runId));
  }

  onEvent(frame: EventFrame): void {
    const { run_id: runId } = frame;
    const view = this.messages.ofRun(runId);
    if (!view) {
      return;
    }
    this.following.heard(runId);
    const stillHoled = this.holes.get(runId) === view.seq && !this.following.isAsked(runId);
    if (stillHoled) {
      this.doubtful.add(view.id); // asked for and not got: what comes is taken, and compared in the end
    }
    this.messages.apply(frame, stillHoled);
    if (frame.event.type === 'run_finished' && this.doubtful.has(view.id)) {
      void this.recheck(view.id);
    }
  }

  onHole({ runId, seq }: MessageView): void {
    if (runId && !this.following.isAsked(runId)) {
      this.holes.set(runId, seq);
      this.following.follow(runId, seq);
    }
  }

  /** Asks for all that comes of the runs under way, each from where it was last heard. */
  followAll(silentForMs = 0): void {
    for (const view of this.messages.all()) {
      if (isRunning(view) && view.runId && this.following.silence(view.runId) >= silentForMs) {
        this.following.follow(view.runId, view.seq);
      }
    }
  }

  /** The server follows this run for us already. */
  expect(runId: string): void {
    this.following.heard(runId);
  }

  /** Follows a run that has just become known, or has been silent for so long (ms). */
  follow(runId: string, silentForMs = 0): void {
    const view = this.messages.ofRun(runId);
    if (view && isRunning(view) && this.following.silence(runId) >= silentForMs) {
      this.following.follow(runId, view.seq);
    }
  }

  /** For now and then: makes good whatever went wrong without a sign. */
  nudge(): void {
    this.followAll(SILENCE_MS);
    this.doubtful.forEach(id => {
      const view = this.messages.get(id);
      if (!view || !isRunning(view)) {
        void this.recheck(id);
      }
    });
  }

  /** Reads a message anew. */
  async recheck(messageId: string): Promise<void> {
    this.doubtful.add(messageId);
    const message = await this.read(messageId).catch(() => undefined);
    if (!message || !this.messages.get(messageId)) {
      return;
    }
    this.messages.take([message]);
    this.messages.settle(message);
    if (!isRunning(message)) {
      this.doubtful.delete(messageId);
    }
  }

  clear(): void {
    this.following.clear();
    this.holes.clear();
    this.doubtful.clear();
  }

  private onUnknownRun(runId: string): void {
    const view = this.messages.ofRun(runId);
    if (view) {
      void this.recheck(view.id);
    }
  }
}
