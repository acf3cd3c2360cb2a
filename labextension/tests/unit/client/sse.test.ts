import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Client, type ConnectionState } from '../../../src/ui/client/client';
import { HttpTransport } from '../../../src/ui/client/http';
import type { ServerFrame } from '../../../src/ui/protocol.generated';
import { failure, FakeHttp, FakeStream, json } from '../fakes/http';
import { pass } from '../fakes/person';
import { FakeSocket } from '../fakes/socket';
import { aMessage, aRun } from '../fakes/values';
import { below, seeded } from '../random';

let http: FakeHttp;
let client: Client;
let states: ConnectionState[];
let frames: ServerFrame[];
let owner: FakeStream;
let runs: FakeStream[];

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.made = [];
  states = [];
  frames = [];
  runs = [];
  http = new FakeHttp()
    .on('GET me', {})
    .on('GET events', (_path: string, init: RequestInit) => (owner = new FakeStream(init)).response)
    .on('GET runs/r/events', (_path: string, init: RequestInit) => {
      runs.push(new FakeStream(init));
      return runs.at(-1)!.response;
    });
  const transport = new HttpTransport({
    url: 'https://jupyter.example.org/api/aichat/v1',
    headers: () => ({ Authorization: 'token t' }),
    socketUrl: () => 'wss://jupyter.example.org/ws',
    makeSocket: FakeSocket.make,
    fetch: http.fetch
  });
  client = new Client(
    transport,
    { onState: state => states.push(state), onFrame: frame => frames.push(frame), onOnline: () => undefined },
    () => 0.01
  );
  client.start();
});

afterEach(() => {
  client.dispose();
  vi.useRealTimers();
});

const state = (): ConnectionState => states.at(-1)!;
const events = (): string[] =>
  frames.flatMap(frame =>
    frame.type === 'event' ? [frame.event.type === 'text_delta' ? frame.event.text : frame.event.type] : []
  );
const delta = (seq: number, text: string): string =>
  `id: ${seq}\ndata: ${JSON.stringify({ run_id: 'r', chat_id: 'c', seq, event: { type: 'text_delta', text } })}\n\n`;
const FINISHED = `id: 9\ndata: {"run_id":"r","chat_id":"c","seq":9,"event":{"type":"run_finished","state":"completed"}}\n\n`;

/** Sockets are refused three times; what follows is server-sent events. */
async function fallBack(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    FakeSocket.last.drop();
    await pass(50);
  }
  owner.write(':\n\ndata: {"type":"hello"}\n\n');
  await pass(10);
}

describe('the fallback', () => {
  test('is taken when the server answers and sockets do not get through three times', async () => {
    for (let i = 0; i < 2; i++) {
      FakeSocket.last.drop();
      await pass(50);
    }
    expect(http.count('GET events')).toBe(0);
    FakeSocket.last.drop();
    await pass(50);
    expect(http.count('GET events')).toBe(1);
    expect(FakeSocket.made).toHaveLength(3);
    expect(state()).toMatchObject({ state: 'online', via: 'sse' });
  });

  test('is taken also where sockets open and nothing comes through them', async () => {
    for (let i = 0; i < 3; i++) {
      FakeSocket.last.readyState = 1;
      FakeSocket.last.onopen?.();
      FakeSocket.last.drop();
      await pass(1_000);
    }
    expect(state().via).toBe('sse');
  });

  test('sends the credentials of the host', async () => {
    let sent: HeadersInit | undefined;
    http.on('GET events', (_path: string, init: RequestInit) => {
      sent = init.headers;
      return (owner = new FakeStream(init)).response;
    });
    await fallBack();
    expect(sent).toMatchObject({ Authorization: 'token t', Accept: 'text/event-stream' });
  });

  test('goes back to a socket once one gets through, without a gap', async () => {
    await fallBack();
    const silent = setInterval(() => owner.write(':\n\n'), 15_000);
    await pass(121_000);
    expect(FakeSocket.made).toHaveLength(4);
    expect(state().via).toBe('sse');
    FakeSocket.last.accept();
    expect(state()).toMatchObject({ state: 'online', via: 'socket' });
    clearInterval(silent);
    expect(() => owner.write(':\n\n')).toThrow(); // nobody reads the stream any more
  });

  test('stays while sockets still fail, and tries one only now and then', async () => {
    await fallBack();
    const silent = setInterval(() => owner.write(':\n\n'), 15_000);
    for (let i = 0; i < 3; i++) {
      await pass(121_000);
      FakeSocket.last.drop();
      await pass(10);
    }
    clearInterval(silent);
    expect(FakeSocket.made.length).toBeLessThanOrEqual(7);
    expect(states.filter(each => each.via === 'sse').map(each => each.state)).toEqual(['online']);
  });

  test('that is half open is noticed by its silence', async () => {
    await fallBack();
    await pass(90_000);
    expect(http.count('GET events')).toBeGreaterThan(1);
  });

  test('that ends is reconnected', async () => {
    await fallBack();
    owner.end();
    await pass(1_000);
    expect(http.count('GET events')).toBe(2);
    expect(state()).toMatchObject({ state: 'online', via: 'sse' });
  });

  test('that is not let in is refused', async () => {
    await fallBack();
    http.on('GET events', () => failure('forbidden', 403)).on('GET me', () => failure('forbidden', 403));
    owner.break();
    await pass(1_000);
    expect(state()).toMatchObject({ state: 'refused', why: 'unauthenticated' });
  });
});

describe('events', () => {
  test('are the same however the bytes are cut', async () => {
    await fallBack();
    const text = ['Grüße ', '🙂\n', 'مرحبا', ' "quoted" ', '\\n'];
    const bytes = new TextEncoder().encode(
      text
        .map((piece, i) => delta(i + 1, piece))
        .join(':\n\n')
        .replaceAll('\n\n', '\r\n\r\n') + FINISHED
    );
    const random = seeded(3);
    for (let round = 0; round < 50; round++) {
      frames = [];
      client.tell({ type: 'subscribe', run_id: 'r', after: 0 });
      await pass(1);
      for (let at = 0; at < bytes.length;) {
        const size = 1 + below(random, round ? 1 + round : 1);
        runs.at(-1)!.write(bytes.slice(at, at + size));
        at += size;
      }
      await pass(1);
      expect(events()).toEqual([...text, 'run_finished']);
    }
  });

  test('of a run whose stream breaks are taken up where it broke', async () => {
    await fallBack();
    client.tell({ type: 'subscribe', run_id: 'r', after: 4 });
    await pass(1);
    runs[0].write(delta(5, 'five'));
    await pass(1);
    runs[0].break();
    await pass(1_100);
    expect(http.asked.filter(asked => asked.startsWith('GET runs'))).toEqual([
      'GET runs/r/events?after=4',
      'GET runs/r/events?after=5'
    ]);
    runs[1].write(delta(6, 'six') + FINISHED);
    runs[1].end();
    await pass(5_000);
    expect(events()).toEqual(['five', 'six', 'run_finished']);
    expect(runs).toHaveLength(2);
  });

  test('of a run that is not there are not asked for again', async () => {
    await fallBack();
    http.on('GET runs/r/events', () => failure('not_found', 404));
    client.tell({ type: 'subscribe', run_id: 'r', after: 0 });
    await pass(10_000);
    expect(http.count('GET runs/r/events?after=0')).toBe(1);
  });

  test('that nobody wants any more are not read', async () => {
    await fallBack();
    client.tell({ type: 'subscribe', run_id: 'r', after: 0 });
    await pass(1);
    client.tell({ type: 'unsubscribe', run_id: 'r' });
    await pass(5_000);
    expect(runs).toHaveLength(1);
  });
});

describe('what is sent', () => {
  const SEND = { type: 'send', text: 'Q', model: 'tiny', idempotency_key: 'k' } as const;
  const REPLY = { message: aMessage({ id: 'm' }), reply: aMessage({ id: 'a', seq: 7 }), run: aRun() };

  test('begins a chat, then goes on over REST; the ack comes before the events', async () => {
    http.on('POST chats', { id: 'c' }).on('POST chats/c/messages', REPLY);
    await fallBack();
    const ack = await client.ask(SEND);
    expect(ack).toMatchObject({ chat_id: 'c', reply: { id: 'a' }, run: { id: 'r' } });
    expect(http.bodies.at(-1)).toEqual({ text: 'Q', model: 'tiny', idempotency_key: 'k' });
    await pass(1);
    expect(http.asked.at(-1)).toBe('GET runs/r/events?after=7');
  });

  test('and repeated because its answer was lost begins no second chat', async () => {
    http
      .on('POST chats', { id: 'c' })
      .on('POST chats/c/messages', () => Promise.reject(new TypeError('Failed to fetch')));
    await fallBack();
    const asked = client.ask(SEND);
    await pass(10);
    http.on('POST chats/c/messages', REPLY);
    await pass(1_000);
    await expect(asked).resolves.toMatchObject({ chat_id: 'c' });
    expect(http.count('POST chats')).toBe(1);
  });

  test('is not sent again while its request is under way', async () => {
    let answer = (_response: Response): void => undefined;
    http.on('POST chats/c/messages', () => new Promise<Response>(resolve => (answer = resolve)));
    await fallBack();
    const asked = client.ask({ ...SEND, chat_id: 'c' });
    await pass(20_000);
    expect(http.count('POST chats/c/messages')).toBe(1);
    answer(json(REPLY));
    await asked;
  });

  test.each([
    ['edit', 'POST chats/c/messages/m/edit'],
    ['regenerate', 'POST chats/c/messages/m/regenerate'],
    ['continue', 'POST chats/c/messages/m/continue']
  ] as const)('%s has its own route', async (type, route) => {
    http.on(route, REPLY);
    await fallBack();
    await client.ask({ type, chat_id: 'c', message_id: 'm', idempotency_key: 'k' });
    expect(http.count(route)).toBe(1);
    expect(http.bodies.at(-1)).toEqual({ idempotency_key: 'k' });
  });

  test('stop', async () => {
    http.on('DELETE runs/r', { run: aRun({ state: 'stopped' }) });
    await fallBack();
    await expect(client.ask({ type: 'stop', run_id: 'r' })).resolves.toMatchObject({ run: { state: 'stopped' } });
  });

  test('and refused is told to who asked', async () => {
    http.on('POST chats/c/messages', () => failure('run_active', 409, 'An answer is being written.'));
    await fallBack();
    await expect(client.ask({ ...SEND, chat_id: 'c' })).rejects.toMatchObject({
      code: 'run_active',
      message: 'An answer is being written.'
    });
    expect(state().state).toBe('online');
  });
});
