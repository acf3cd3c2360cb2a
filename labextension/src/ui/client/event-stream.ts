import { createParser } from 'eventsource-parser';
import { ApiError } from './errors';
import type { Rest } from './rest';

/** What is told of a stream of server-sent events. */
export interface StreamListener {
  onOpen?(): void;
  /** Something came, be it a comment only. */
  onBytes(): void;
  onData(data: string): void;
}

/** Reads server-sent events to their end; rejects with `ApiError`. By `fetch`, because `EventSource` has no headers. */
export async function readStream(
  rest: Rest,
  path: string,
  signal: AbortSignal,
  listener: StreamListener
): Promise<void> {
  const answer = await rest.fetch(path, { signal, headers: { Accept: 'text/event-stream' } });
  if (!answer.ok || !answer.body) {
    throw new ApiError('bad_upstream', `HTTP ${answer.status}`, {}, answer.status);
  }
  listener.onOpen?.();
  const parser = createParser({ onEvent: event => listener.onData(event.data) });
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) {
      return;
    }
    listener.onBytes();
    parser.feed(decoder.decode(value, { stream: true }));
  }
}
