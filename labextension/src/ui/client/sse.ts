import { createParser } from 'eventsource-parser';
import type { AckFrame, ClientFrame, Run, SentReply, ServerFrame } from '../protocol.generated';
import { asApiError } from './errors';
import type { Rest } from './rest';
import { readFrames } from './socket';
import type { Connection, Handlers } from './transport';

type SendingFrame = Extract<ClientFrame, { type: 'send' | 'edit' | 'regenerate' | 'continue' }>;

/** For networks that refuse WebSockets: frames come as server-sent events, what is sent goes over REST. */
export function openEvents(rest: Rest, handlers: Handlers): Connection {
  const streams = new Map<string, AbortController>();
  let closed = false;

  const close = (): void => {
    if (!closed) {
      closed = true;
      streams.forEach(stream => stream.abort());
      handlers.onClose({ code: 1006, retry: true });
    }
  };

  const take = (frame: ServerFrame): void => {
    if (!closed) {
      handlers.onFrame(frame);
    }
  };

  async function listen(key: string, path: string, line: (data: string) => void): Promise<void> {
    streams.get(key)?.abort();
    const control = new AbortController();
    streams.set(key, control);
    const answer = await rest.fetch(path, { signal: control.signal, headers: { Accept: 'text/event-stream' } });
    if (!answer.ok || !answer.body) {
      throw asApiError(new Error(`HTTP ${answer.status}`));
    }
    if (key === 'owner') {
      handlers.onOpen();
    }
    const parser = createParser({ onEvent: event => line(event.data) });
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || closed) {
        return;
      }
      parser.feed(decoder.decode(value, { stream: true }));
    }
  }

  const follow = (runId: string, after: number): void => {
    listen(runId, `runs/${runId}/events?after=${after}`, data => {
      readFrames(data.replace(/^\{/, '{"type":"event",'), take);
    }).catch(() => streams.delete(runId));
  };

  async function carryOut(frame: ClientFrame): Promise<Partial<AckFrame>> {
    switch (frame.type) {
      case 'subscribe':
        if (frame.run_id) {
          follow(frame.run_id, frame.after ?? 0);
        }
        return {};
      case 'unsubscribe':
        streams.get(frame.run_id ?? '')?.abort();
        return {};
      case 'stop': {
        const { run } = (await rest.request('DELETE', `runs/${frame.run_id}`)) as { run: Run };
        return { run };
      }
      case 'ping':
        take({ type: 'pong' });
        return {};
      default:
        return sendOverRest(frame);
    }
  }

  async function sendOverRest(frame: SendingFrame): Promise<Partial<AckFrame>> {
    const { type, id: _id, ...rest_ } = frame;
    let { chat_id: chatId, ...body } = rest_ as { chat_id?: string | null; message_id?: string };
    if (!chatId) {
      const model = (body as { model?: string | null }).model ?? null;
      chatId = ((await rest.request('POST', 'chats', { model })) as { id: string }).id;
    }
    const { message_id: messageId, ...sent } = body;
    const path = type === 'send' ? `chats/${chatId}/messages` : `chats/${chatId}/messages/${messageId}/${type}`;
    const reply = (await rest.request('POST', path, sent)) as SentReply;
    follow(reply.run.id, reply.reply.seq);
    return { chat_id: chatId, ...reply };
  }

  listen('owner', 'events', data => readFrames(data, take)).then(close, close);
  return {
    via: 'sse',
    send: frame => {
      const id = frame.id ?? null;
      carryOut(frame).then(
        ack => take({ type: 'ack', id, ...ack }),
        (error: unknown) => {
          const { code, message, details } = asApiError(error);
          if (code === 'network') {
            close(); // nobody can be told: the frame is sent again with its key
          } else {
            take({ type: 'error', id, code, message, details });
          }
        }
      );
    },
    close: () => {
      closed = true;
      streams.forEach(stream => stream.abort());
    }
  };
}
