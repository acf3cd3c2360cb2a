import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Client, type ConnectionState } from '../../../src/ui/client/client';
import { CommTransport, type CommModel } from '../../../src/ui/client/comm';
import type { Handlers } from '../../../src/ui/client/transport';
import type { ServerFrame } from '../../../src/ui/protocol.generated';

type Sent = Record<string, unknown> & { id?: unknown };

/** A widget's model: all its views hear all that the kernel says. */
class FakeModel implements CommModel {
  readonly sent: Sent[] = [];
  private readonly listeners = new Set<(message: unknown) => void>();

  on(_: 'msg:custom', listener: (message: unknown) => void): void {
    this.listeners.add(listener);
  }

  off(_: 'msg:custom', listener: (message: unknown) => void): void {
    this.listeners.delete(listener);
  }

  send(message: unknown): void {
    this.sent.push(message as Sent);
  }

  say(message: unknown): void {
    this.listeners.forEach(listener => listener(message));
  }

  last(): Sent {
    return this.sent.at(-1)!;
  }
}

class Heard implements Handlers {
  opened = 0;
  readonly frames: ServerFrame[] = [];
  readonly closed: unknown[] = [];
  onOpen = (): void => void this.opened++;
  onFrame = (frame: ServerFrame): void => void this.frames.push(frame);
  onClose = (closed: unknown): void => void this.closed.push(closed);
}

let model: FakeModel;

beforeEach(() => {
  vi.useFakeTimers();
  model = new FakeModel();
});

afterEach(() => {
  vi.useRealTimers();
});

function open(transport: CommTransport): { heard: Heard; send: (frame: never) => void } {
  const heard = new Heard();
  const connection = transport.open(heard);
  model.say({ type: 'ack', id: model.last().id });
  return { heard, send: connection.send as (frame: never) => void };
}

test('a connection is open when its own ping was answered', () => {
  const heard = new Heard();
  new CommTransport(model).open(heard);
  expect(model.last()).toMatchObject({ type: 'ping' });
  model.say({ type: 'pong' });
  model.say({ type: 'ack', id: 1 });
  expect(heard.opened).toBe(0);
  model.say({ type: 'ack', id: model.last().id });
  expect(heard.opened).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(heard.closed).toEqual([]);
});

test('a kernel that does not answer is no connection', () => {
  const heard = new Heard();
  new CommTransport(model).open(heard);
  vi.advanceTimersByTime(5_000);
  expect(heard.closed).toEqual([{ code: 1006, retry: true }]);
});

test('a kernel that has lost its server closes, and the next attempt opens', () => {
  const transport = new CommTransport(model);
  const { heard } = open(transport);
  model.say({ type: 'closed' });
  model.say({ type: 'closed' });
  expect(heard.closed).toHaveLength(1);
  expect(open(transport).heard.opened).toBe(1);
});

test('answers go to the view that asked, events to all', () => {
  const [one, two] = [open(new CommTransport(model)), open(new CommTransport(model))];
  one.send({ type: 'stop', id: 'f1', run_id: 'r' } as never);
  const first = model.last();
  two.send({ type: 'stop', id: 'f1', run_id: 'r' } as never);
  expect(model.last().id).not.toBe(first.id);
  expect(Number.isSafeInteger(first.id)).toBe(true);
  model.say({ type: 'ack', id: first.id });
  model.say({ type: 'error', id: model.last().id, code: 'not_found', message: '', details: {} });
  model.say({ type: 'event', run_id: 'r', chat_id: 'c', seq: 1, event: { type: 'run_started' } });
  expect(one.heard.frames.map(f => f.type)).toEqual(['ack', 'event']);
  expect(one.heard.frames[0]).toMatchObject({ id: 'f1' });
  expect(two.heard.frames.map(f => f.type)).toEqual(['error', 'event']);
});

test('a request gets its answer, its error, or none in time', async () => {
  const transport = new CommTransport(model);
  const chat = transport.request('GET', 'chats/c');
  expect(model.last()).toEqual({ type: 'request', id: model.last().id, method: 'GET', path: 'chats/c' });
  model.say({ type: 'response', id: model.last().id, status: 200, body: { id: 'c' } });
  await expect(chat).resolves.toEqual({ id: 'c' });

  const gone = transport.request('DELETE', 'chats/c');
  model.say({ type: 'response', id: model.last().id, status: 204, body: null });
  await expect(gone).resolves.toBeUndefined();

  const refused = transport.request('PATCH', 'chats/c', { title: 'x' });
  expect(model.last().body).toEqual({ title: 'x' });
  const body = { code: 'not_found', message: 'No such chat.', details: {}, reason: null };
  model.say({ type: 'response', id: model.last().id, status: 404, body });
  await expect(refused).rejects.toMatchObject({ code: 'not_found', status: 404 });

  const late = transport.request('GET', 'models');
  vi.advanceTimersByTime(30_000);
  await expect(late).rejects.toMatchObject({ code: 'network' });
});

test('a view that was taken away hears nothing', () => {
  const transport = new CommTransport(model);
  const { heard } = open(transport);
  transport.dispose();
  model.say({ type: 'pong' });
  model.say({ type: 'closed' });
  model.say('rubbish');
  expect([heard.frames, heard.closed]).toEqual([[], []]);
});

test('a service that does not take the server’s token is told in the widget, which goes on once it takes one', async () => {
  const states: ConnectionState[] = [];
  const listener = { onState: (state: ConnectionState) => states.push(state), onFrame: () => {}, onOnline: () => {} };
  const client = new Client(new CommTransport(model), listener);
  const answer = (status: number, body: unknown): void =>
    model.say({ type: 'response', id: model.last().id, status, body });
  client.start();
  model.say({ type: 'closed' }); // the kernel's stream was refused
  expect(model.last()).toMatchObject({ type: 'request', path: 'me' });
  const details = { service: 'https://chat.example.org' };
  answer(401, { code: 'unauthenticated', message: 'm', details, reason: null });
  await vi.advanceTimersByTimeAsync(1);
  expect(states.at(-1)).toMatchObject({ state: 'refused', why: 'service_token' });

  await vi.advanceTimersByTimeAsync(20_000);
  expect(model.last()).toMatchObject({ type: 'request', path: 'me' });
  answer(200, {});
  await vi.advanceTimersByTimeAsync(1);
  expect(model.last()).toMatchObject({ type: 'ping' });
  model.say({ type: 'ack', id: model.last().id });
  expect(states.at(-1)!.state).toBe('online');
  client.dispose();
});
