import type { SharedFrame, SharedMessage } from '../../../src/ui/protocol.generated';
import { Rest } from '../../../src/ui/client/rest';
import { FakeHttp, FakeStream } from './http';

export const KEY = 'aichat-share_k';

export const aShared = (fields: Partial<SharedMessage> & { id: string }): SharedMessage => ({
  role: 'assistant',
  parts: [],
  status: 'completed',
  created_at: '2026-11-24T12:00:00Z',
  model: 'tiny',
  reason: 'stop',
  error: null,
  ...fields
});

export const text = (said: string): SharedMessage['parts'] => [{ type: 'text', text: said }];

export const HEAD: SharedFrame = {
  type: 'chat',
  title: 'Moons',
  model: 'tiny',
  shared_by: 'Ada',
  expires_at: null
};

export const QUESTION = aShared({ id: 'q', role: 'user', parts: text('How many?'), model: null });

/** A server with one shared chat; each time a reader comes is another stream. */
export class FakeShare {
  readonly streams: FakeStream[] = [];
  /** What the next readers are told instead of a stream. */
  refusal: (() => Response) | null = null;
  readonly http = new FakeHttp().on(`GET shared/${KEY}/events`, (_path: string, init: RequestInit) => {
    if (this.refusal) {
      return this.refusal();
    }
    this.streams.push(new FakeStream(init));
    return this.streams.at(-1)!.response;
  });
  readonly rest = new Rest({ url: 'https://jupyter.example.org/api/aichat/v1', fetch: this.http.fetch });

  tell(...frames: SharedFrame[]): void {
    frames.forEach(frame => this.streams.at(-1)!.write(`data: ${JSON.stringify(frame)}\n\n`));
  }

  say(said: string, id = 'a'): void {
    this.tell({ type: 'event', message_id: id, event: { type: 'text_delta', text: said } });
  }

  finish(state: 'completed' | 'failed' | 'stopped' = 'completed', id = 'a'): void {
    const error = state === 'failed' ? 'provider_error' : null;
    this.tell({ type: 'event', message_id: id, event: { type: 'run_finished', state, reason: null, error } });
  }
}
