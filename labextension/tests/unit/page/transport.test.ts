import { beforeEach, expect, test, vi } from 'vitest';
import { Session } from '../../../src/page/identity/session';
import { SessionTransport } from '../../../src/page/identity/transport';
import type { Handlers } from '../../../src/ui/client/transport';
import { FakeAccounts } from '../fakes/accounts';
import { FakeSocket } from '../fakes/socket';

const url = 'https://jupyter.example.org/api/aichat/v1';
let http: FakeAccounts;
let session: Session;
let transport: SessionTransport;
let handlers: Handlers;

beforeEach(async () => {
  FakeSocket.made = [];
  http = new FakeAccounts();
  session = new Session({ url, fetch: http.fetch });
  transport = new SessionTransport(session, url, FakeSocket.make);
  handlers = { onOpen: vi.fn(), onFrame: vi.fn(), onClose: vi.fn() };
  await session.login('ada', 'right');
});

test('a socket says who asks among its subprotocols, and nothing in its address', () => {
  transport.open(handlers, false);
  expect(FakeSocket.last.protocols).toEqual(['aichat.v1', `jwt.${session.bearer}`]);
  expect(FakeSocket.last.url).toBe('wss://jupyter.example.org/api/aichat/v1/ws');
});

test('a token that is over is renewed before the socket opens', async () => {
  const before = session.bearer;
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  transport.open(handlers, false);
  expect(FakeSocket.made).toHaveLength(0);
  await vi.waitFor(() => expect(FakeSocket.made).toHaveLength(1));
  expect(FakeSocket.last.protocols[1]).toBe(`jwt.${session.bearer}`);
  expect(session.bearer).not.toBe(before);
});

test('a connection that is closed before it has a token never opens', async () => {
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  transport.open(handlers, false).close();
  await vi.waitFor(() => expect(http.count('POST auth/refresh')).toBe(1));
  await Promise.resolve();
  expect(FakeSocket.made).toHaveLength(0);
  expect(handlers.onClose).toHaveBeenCalledOnce();
});

test('server-sent events are asked for with the token in a header', async () => {
  let sent: Record<string, string> = {};
  http.on('GET events', (_path: string, init: RequestInit) => {
    sent = init.headers as Record<string, string>;
    return new Response('');
  });
  transport.open(handlers, true);
  await vi.waitFor(() => expect(sent.Authorization).toBe(`Bearer ${session.bearer}`));
});
