import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Client, type ConnectionState } from '../../../src/ui/client/client';
import { HttpTransport } from '../../../src/ui/client/http';
import type { ServerFrame } from '../../../src/ui/protocol.generated';
import { failure, FakeHttp } from '../fakes/http';
import { pass } from '../fakes/person';
import { FakeSocket } from '../fakes/socket';

let http: FakeHttp;
let client: Client;
let states: ConnectionState[];
let frames: ServerFrame[];
let onlines: number;
let hidden = false;
let waiting = false;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.made = [];
  states = [];
  frames = [];
  onlines = 0;
  hidden = waiting = false;
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
  http = new FakeHttp().on('GET me', {});
  client = start();
});

afterEach(() => {
  client.dispose();
  vi.useRealTimers();
});

/** A client whose waits are as long as they can be. */
function start(random = () => 1): Client {
  const transport = new HttpTransport({
    url: 'https://jupyter.example.org/api/aichat/v1',
    socketUrl: () => `wss://jupyter.example.org/ws?token=${FakeSocket.made.length}`,
    makeSocket: FakeSocket.make,
    fetch: http.fetch
  });
  const started = new Client(
    transport,
    {
      onState: state => states.push(state),
      onFrame: frame => frames.push(frame),
      onOnline: () => onlines++,
      isWaiting: () => waiting
    },
    random
  );
  started.start();
  return started;
}

const state = (): ConnectionState => states.at(-1)!;
const visible = (): boolean => document.dispatchEvent(new Event('visibilitychange'));

describe('a socket', () => {
  test('asks for our subprotocol, and is online when it opens', () => {
    expect(FakeSocket.last.protocols).toEqual(['aichat.v1']);
    FakeSocket.last.accept();
    expect(state()).toMatchObject({ state: 'online', via: 'socket' });
    expect(onlines).toBe(1);
  });

  test('may carry several frames in a message', () => {
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: 'pong' }, { type: 'pong' });
    expect(frames.map(frame => frame.type)).toEqual(['hello', 'pong', 'pong']);
  });

  test.each([
    ['what a proxy writes', '<html>502</html>'],
    ['half a frame', '{"type":"event","run_id"'],
    ['no object', '[1]\n2\nnull\n"x"'],
    ['an object that is no frame', '{"a":1}'],
    ['an event without its event', '{"type":"event","run_id":"r","chat_id":"c","seq":1}'],
    [
      'an event without a number',
      '{"type":"event","run_id":"r","chat_id":"c","seq":"1","event":{"type":"run_started"}}'
    ],
    ['an empty message', '\n\n'],
    ['a binary message', new ArrayBuffer(4)]
  ])('leaves out %s', (_name, data) => {
    FakeSocket.last.accept();
    frames = [];
    FakeSocket.last.raw(data);
    FakeSocket.last.raw(`${typeof data === 'string' ? data : ''}\n{"type":"pong"}`);
    expect(frames).toEqual([{ type: 'pong' }]);
  });

  test('that does not open in time is given up', async () => {
    await pass(10_100);
    expect(state().state).toBe('reconnecting');
    await pass(1_000);
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('that the browser will not even make is tried again later', async () => {
    client.dispose();
    const made = vi.spyOn(FakeSocket, 'make').mockImplementationOnce(() => {
      throw new DOMException('insecure', 'SecurityError');
    });
    client = start();
    await pass(1_000);
    expect(made.mock.calls.length).toBeGreaterThan(0);
    expect(FakeSocket.made.length).toBeGreaterThan(0);
  });
});

describe('coming back', () => {
  test('waits longer each time, up to half a minute, and its address is made anew', async () => {
    http.on('GET me', () => Promise.reject(new TypeError('Failed to fetch')));
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      const made = FakeSocket.made.length;
      FakeSocket.last.drop();
      const begun = Date.now();
      while (FakeSocket.made.length === made) {
        await pass(50);
      }
      waits.push(Math.round((Date.now() - begun) / 100) * 100);
    }
    expect(waits).toEqual([300, 600, 1200, 2400, 4800, 9600, 19_200, 30_000, 30_000, 30_000]);
    expect(new Set(FakeSocket.made.map(socket => socket.url)).size).toBe(FakeSocket.made.length);
  });

  test('is spread at random between nothing and the ceiling', async () => {
    client.dispose();
    client = start(() => 0);
    FakeSocket.last.accept();
    FakeSocket.last.drop(1012);
    const made = FakeSocket.made.length;
    await pass(1);
    expect(FakeSocket.made).toHaveLength(made + 1);
  });

  test('after a long good connection begins with the shortest wait', async () => {
    for (let i = 0; i < 5; i++) {
      FakeSocket.last.accept();
      FakeSocket.last.drop(1012);
      await pass(4_900);
    }
    FakeSocket.last.accept();
    await pass(11_000);
    const made = FakeSocket.made.length;
    FakeSocket.last.drop(1012);
    await pass(350);
    expect(FakeSocket.made).toHaveLength(made + 1);
  });

  test('from a server that closes at once does not become a storm', async () => {
    for (let i = 0; i < 6; i++) {
      FakeSocket.last.accept();
      FakeSocket.last.drop(1012);
      await pass(300 * 2 ** i + 10);
    }
    const made = FakeSocket.made.length;
    FakeSocket.last.accept();
    FakeSocket.last.drop(1012);
    await pass(10_000);
    expect(FakeSocket.made).toHaveLength(made);
  });

  test('happens at once when the network is back', async () => {
    http.on('GET me', () => Promise.reject(new TypeError('Failed to fetch')));
    for (let i = 0; i < 8; i++) {
      FakeSocket.last.drop();
      await pass(31_000);
    }
    FakeSocket.last.drop();
    await pass(2_000);
    const made = FakeSocket.made.length;
    window.dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(made + 1);
  });

  test('happens when the page is seen, and not while it is hidden', async () => {
    FakeSocket.last.accept();
    FakeSocket.last.drop();
    await pass(0);
    hidden = true;
    const made = FakeSocket.made.length;
    visible();
    expect(FakeSocket.made).toHaveLength(made);
    await pass(150);
    hidden = false;
    await pass(5_000);
    expect(FakeSocket.made.length).toBeGreaterThan(made);
  });

  test('does not break off an attempt that has just begun', () => {
    visible();
    visible();
    expect(FakeSocket.made).toHaveLength(1);
  });

  test('happens at once when a person asks', async () => {
    http.on('GET me', () => Promise.reject(new TypeError('Failed to fetch')));
    for (let i = 0; i < 8; i++) {
      FakeSocket.last.drop();
      await pass(31_000);
    }
    FakeSocket.last.drop();
    await pass(1_000);
    const made = FakeSocket.made.length;
    client.reconnect();
    expect(FakeSocket.made).toHaveLength(made + 1);
  });

  test('tells when the state began, once', async () => {
    FakeSocket.last.accept();
    const before = Date.now();
    FakeSocket.last.drop();
    await pass(5_000);
    FakeSocket.last.drop();
    await pass(5_000);
    expect(states.filter(each => each.state === 'reconnecting')).toHaveLength(1);
    expect(state()).toMatchObject({ state: 'reconnecting', since: before });
  });

  test('ends with the client', async () => {
    FakeSocket.last.accept();
    const socket = FakeSocket.last;
    client.dispose();
    expect(socket.closedWith).toBe(1000);
    socket.drop();
    window.dispatchEvent(new Event('online'));
    await pass(60_000);
    expect(FakeSocket.made).toHaveLength(1);
  });
});

describe('the way in', () => {
  test.each([
    [1003, 'policy'],
    [1008, 'policy'],
    [4403, 'forbidden']
  ])('close code %i is final: %s', async (code, why) => {
    FakeSocket.last.accept();
    FakeSocket.last.drop(code);
    await pass(120_000);
    window.dispatchEvent(new Event('online'));
    visible();
    await pass(1_000);
    expect(state()).toMatchObject({ state: 'refused', why });
    expect(FakeSocket.made).toHaveLength(1);
    client.reconnect();
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('a client that was too slow may come back', async () => {
    FakeSocket.last.accept();
    FakeSocket.last.drop(1008, 'too slow');
    await pass(1_000);
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('4401 with a login that is still good comes back', async () => {
    FakeSocket.last.accept();
    FakeSocket.last.drop(4401);
    await pass(1_000);
    expect(http.count('GET me')).toBe(1);
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('4401 without one is refused, until the page is seen again', async () => {
    http.on('GET me', () => failure('unauthenticated', 401));
    FakeSocket.last.accept();
    FakeSocket.last.drop(4401);
    await pass(60_000);
    expect(state()).toMatchObject({ state: 'refused', why: 'unauthenticated' });
    expect(FakeSocket.made).toHaveLength(1);
    visible();
    FakeSocket.last.accept();
    expect(state().state).toBe('online');
    expect(state().why).toBeUndefined();
  });

  test.each([
    ['403', () => failure('forbidden', 403)],
    ['a login page', () => new Response('<html>Log in</html>', { status: 200 })]
  ])('a handshake that failed, and %s from /me: not let in', async (_name, answer) => {
    http.on('GET me', answer);
    FakeSocket.last.drop();
    await pass(60_000);
    expect(state()).toMatchObject({ state: 'refused', why: 'unauthenticated' });
    expect(FakeSocket.made).toHaveLength(1);
  });

  test.each([4401, 4403])(
    'close code %i for a token of the service behind the server is told as such, until the page is seen',
    async code => {
      http.on('GET me', () => failure('unauthenticated', 401, 'm', { service: 'https://chat.example.org' }));
      FakeSocket.last.accept();
      FakeSocket.last.drop(code);
      await pass(60_000);
      expect(state()).toMatchObject({ state: 'refused', why: 'service_token' });
      expect(FakeSocket.made).toHaveLength(1);
      visible();
      FakeSocket.last.accept();
      expect(state().state).toBe('online');
    }
  );

  test('a token of the server that was put in place of a refused one is found, but asked for by nobody unseen', async () => {
    const refused = (): Response => failure('unauthenticated', 401, 'm', { service: 'https://h.org', given_by: 'hub' });
    http.on('GET me', refused);
    FakeSocket.last.drop();
    await pass(1);
    expect(state()).toMatchObject({ state: 'refused', why: 'hub_token' });
    hidden = true;
    const asked = http.count('GET me');
    await pass(100_000);
    expect(http.count('GET me')).toBe(asked);
    hidden = false;
    await pass(25_000);
    expect(state().state).toBe('refused');
    expect(FakeSocket.made).toHaveLength(1);
    http.on('GET me', {});
    for (let i = 0; i < 25 && FakeSocket.made.length === 1; i++) {
      await pass(1_000);
    }
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.last.accept();
    expect(state().state).toBe('online');
  });

  test.each([
    ['bad_upstream', 502, 'reconnecting', 'not_the_service'],
    ['forbidden', 403, 'refused', 'forbidden']
  ])('what the server says of the service behind it is told: %s', async (code, status, kind, why) => {
    http.on('GET me', () => failure(code, status, 'm', { service: 'https://chat.example.org' }));
    FakeSocket.last.drop();
    await pass(1);
    expect(state()).toMatchObject({ state: kind, why });
  });

  test('a service behind the server that does not answer is told as such, until it does', async () => {
    http.on('GET me', () => failure('not_ready', 503, 'm', { service: 'https://chat.example.org' }));
    FakeSocket.last.drop();
    await pass(1);
    expect(state()).toMatchObject({ state: 'reconnecting', why: 'service_away' });
    await pass(1_000);
    expect(state()).toMatchObject({ state: 'reconnecting', why: 'service_away' });
    FakeSocket.last.accept();
    expect(state().state).toBe('online');
    expect(state().why).toBeUndefined();
  });

  test('a service behind the server that hangs is told as such by the server, which does not wait for it', async () => {
    http.on('GET me', () => new Promise<Response>(() => {}));
    http.on('GET health', { status: 'ok', state: 'ready', code: null, version: '1', service: 'away' });
    FakeSocket.last.drop();
    await pass(5_100);
    expect(state()).toMatchObject({ state: 'reconnecting', why: 'service_away' });
    await pass(400);
    FakeSocket.last.accept();
    expect(state().state).toBe('online');
    expect(state().why).toBeUndefined();
  });

  test.each([
    ['nobody answers', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['a proxy answers for it', () => new Response('<html>502</html>', { status: 502 })],
    ['it is not ready', () => failure('not_ready', 503)],
    ['nothing answers in time', () => new Promise<Response>(() => {})]
  ])('a handshake that failed while %s: reconnecting, and still over sockets', async (_name, answer) => {
    http.on('GET me', answer).on('GET health', answer);
    for (let i = 0; i < 6; i++) {
      FakeSocket.last.drop();
      await pass(40_000);
    }
    expect(state().state).toBe('reconnecting');
    expect(http.asked.filter(asked => asked.startsWith('GET events'))).toEqual([]);
  });
});

describe('half-open sockets', () => {
  test('are pinged after a silence, and stay while they answer', async () => {
    FakeSocket.last.accept();
    for (let i = 0; i < 5; i++) {
      await pass(21_000);
      expect(FakeSocket.last.frames.at(-1)).toEqual({ type: 'ping' });
      FakeSocket.last.say({ type: 'pong' });
    }
    expect(FakeSocket.made).toHaveLength(1);
    expect(FakeSocket.last.frames).toHaveLength(5);
  });

  test('are given up when nothing comes back', async () => {
    FakeSocket.last.accept();
    await pass(35_000);
    expect(FakeSocket.made[0].closedWith).toBe(1000);
    expect(FakeSocket.made.length).toBeGreaterThan(1);
    expect(states.some(each => each.state === 'reconnecting')).toBe(true);
  });

  test('are not pinged while other frames come', async () => {
    FakeSocket.last.accept();
    for (let i = 0; i < 10; i++) {
      await pass(15_000);
      FakeSocket.last.say({ type: 'service', status: 'ok', parts: {} });
    }
    expect(FakeSocket.last.frames).toEqual([]);
  });

  test('are pinged when the page is seen again, once', async () => {
    FakeSocket.last.accept();
    visible();
    visible();
    expect(FakeSocket.last.frames).toEqual([{ type: 'ping' }]);
    await pass(10_000);
    expect(FakeSocket.made.length).toBeGreaterThan(1);
  });
});

describe('an unseen page', () => {
  const HALF_MS = 160_000;

  beforeEach(() => {
    FakeSocket.last.accept();
    hidden = true;
  });

  test('says nothing, lets go of its connection after a while, and takes it up when it is seen', async () => {
    await pass(HALF_MS);
    expect(FakeSocket.last.closedWith).toBeUndefined();
    await pass(HALF_MS);
    expect(FakeSocket.last.frames).toEqual([]);
    expect(FakeSocket.last.closedWith).toBe(1000);
    await pass(10 * HALF_MS);
    expect(FakeSocket.made).toHaveLength(1);
    hidden = false;
    visible();
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.last.accept();
    expect(onlines).toBe(2);
    expect(states.map(each => each.state)).toEqual(['online']); // nobody is told of anything
  });

  test('keeps it as long as something comes', async () => {
    for (let i = 0; i < 5; i++) {
      await pass(HALF_MS);
      FakeSocket.last.say({ type: 'service', status: 'ok', parts: {} });
    }
    expect(FakeSocket.last.closedWith).toBeUndefined();
  });

  test('keeps it as long as an answer is awaited, or an ack', async () => {
    waiting = true;
    await pass(3 * HALF_MS);
    expect(FakeSocket.last.closedWith).toBeUndefined();
    waiting = false;
    const asked = client.ask({ type: 'stop', run_id: 'r' });
    await pass(3 * HALF_MS);
    expect(FakeSocket.last.closedWith).toBeUndefined();
    FakeSocket.last.say({ type: 'ack', id: FakeSocket.last.frames[0].id });
    await asked;
    await pass(2 * HALF_MS);
    expect(FakeSocket.last.closedWith).toBe(1000);
  });

  test('takes it up when something is asked all the same', async () => {
    await pass(3 * HALF_MS);
    const asked = client.ask({ type: 'stop', run_id: 'r' });
    FakeSocket.last.accept();
    expect(FakeSocket.last.frames[0]).toMatchObject({ type: 'stop' });
    FakeSocket.last.say({ type: 'ack', id: FakeSocket.last.frames[0].id });
    await asked;
  });
});

describe('acks', () => {
  const SEND = { type: 'send', text: 'Q', idempotency_key: 'k' } as const;

  test('answer the frame that was asked, whatever their order', async () => {
    FakeSocket.last.accept();
    const [one, two] = [client.ask(SEND), client.ask({ type: 'stop', run_id: 'r' })];
    const [first, second] = FakeSocket.last.frames;
    FakeSocket.last.say({ type: 'error', id: second.id, code: 'not_found', message: 'No such run.', details: {} });
    FakeSocket.last.say({ type: 'ack', id: first.id, chat_id: 'c' });
    await expect(one).resolves.toMatchObject({ chat_id: 'c' });
    await expect(two).rejects.toMatchObject({ code: 'not_found', message: 'No such run.' });
  });

  test('that do not come: the same frame again, more and more rarely', async () => {
    FakeSocket.last.accept();
    const pong = setInterval(() => FakeSocket.last.say({ type: 'pong' }), 5_000);
    void client.ask(SEND).catch(() => undefined);
    await pass(60_000);
    clearInterval(pong);
    const sends = FakeSocket.last.frames.filter(frame => frame.type === 'send');
    expect(sends).toHaveLength(4); // at once, after 8 s, 16 s and 32 s more
    expect(new Set(sends.map(frame => JSON.stringify(frame))).size).toBe(1);
  });

  test('that do not come before the connection breaks: the same frame on the next one', async () => {
    FakeSocket.last.accept();
    const asked = client.ask(SEND);
    const [frame] = FakeSocket.last.frames;
    FakeSocket.last.drop(1012);
    await pass(1_000);
    FakeSocket.last.accept();
    expect(FakeSocket.last.frames).toEqual([frame]);
    FakeSocket.last.say({ type: 'ack', id: frame.id });
    await asked;
  });

  test('frames asked while there is no connection go out when there is one', async () => {
    const asked = client.ask(SEND);
    expect(client.tell({ type: 'ping' })).toBe(false);
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: 'ack', id: FakeSocket.last.frames[0].id });
    await asked;
  });

  test('a frame that was taken back is not sent any more', async () => {
    const control = new AbortController();
    const asked = client.ask(SEND, control.signal);
    control.abort();
    await expect(asked).rejects.toMatchObject({ code: 'withdrawn' });
    FakeSocket.last.accept();
    expect(FakeSocket.last.frames).toEqual([]);
  });

  test('nobody waits for ever: the end of the client is told', async () => {
    const asked = client.ask(SEND);
    client.dispose();
    await expect(asked).rejects.toMatchObject({ code: 'network' });
  });

  test('a frame over the limit is refused before it is sent', async () => {
    FakeSocket.last.accept();
    await expect(client.ask({ ...SEND, text: 'ä'.repeat(524_288) })).rejects.toMatchObject({ code: 'too_large' });
    expect(FakeSocket.last.frames).toEqual([]);
    void client.ask({ ...SEND, text: 'ä'.repeat(524_000) }).catch(() => undefined);
    expect(FakeSocket.last.frames).toHaveLength(1);
  });

  test('an answer that nobody waits for is passed on', () => {
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: 'error', id: null, code: 'not_found', message: '', details: {} });
    expect(frames.at(-1)).toMatchObject({ type: 'error', id: null });
  });
});
