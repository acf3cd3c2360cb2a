import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { takeHub } from '../../../src/page/identity/hub';
import { Session } from '../../../src/page/identity/session';
import { ADMIN, partsFor, SETTINGS } from '../../../src/page/places';
import { Rest } from '../../../src/ui/client/rest';
import { aToken, FakeAccounts } from '../fakes/accounts';
import { failure, json } from '../fakes/http';

const url = 'https://jupyter.example.org/api/aichat/v1';
const logoutUrl = '/hub/logout';
const reload = vi.fn();
let http: FakeAccounts;

beforeEach(() => {
  vi.useFakeTimers();
  reload.mockClear();
  http = new FakeAccounts();
});

afterEach(() => vi.useRealTimers());

/** A page that was loaded with a token, or without one. */
function arrive(token = ''): Session {
  http.valid.add(token);
  const access = token ? { token, seconds: 900 } : null;
  return new Session({ url, fetch: http.fetch, hub: { logoutUrl, access }, onStranger: reload });
}

/** Refreshes give the next token for the last one alone. */
function renewFor(last: string, next: string): void {
  http.on('POST auth/refresh', (_path: string, init: RequestInit) => {
    const { Authorization: bearer } = (init.headers ?? {}) as Record<string, string>;
    http.valid.add(next);
    return bearer === `Bearer ${last}`
      ? json({ access_token: next, expires_in: 900 })
      : failure('unauthenticated', 401);
  });
}

test('the page takes what it was loaded with, and leaves no token behind', () => {
  document.head.innerHTML =
    '<meta name="aichat-hub" content="/hub/logout"><meta name="aichat-access" content="a.b.c">' +
    '<meta name="aichat-access-seconds" content="900">';
  expect(takeHub(document)).toEqual({ logoutUrl, access: { token: 'a.b.c', seconds: 900 } });
  expect(document.documentElement.outerHTML).not.toContain('a.b.c');
  expect(takeHub(document)).toBeNull();
});

test('who has logged in is in at once, without a refresh', async () => {
  const session = arrive(aToken('o-ada'));
  await session.start();
  expect(session.standing.get()).toEqual({ state: 'in', me: http.me });
  expect(http.count('POST auth/refresh')).toBe(0);
});

test('the last token, be it over, gives the next', async () => {
  const [first, second] = [aToken('o-ada', '1'), aToken('o-ada', '2')];
  renewFor(first, second);
  const session = arrive(first);
  await session.start();
  http.valid.delete(first);
  vi.setSystemTime(Date.now() + 3_600_000);
  await new Rest({ url, fetch: session.fetch }).request('GET', 'me');
  expect(session.bearer).toBe(second);
});

test('without a token one is out, and nothing is loaded again', async () => {
  const session = arrive();
  await session.start();
  expect(session.standing.get()).toEqual({ state: 'out', why: null });
  expect(reload).not.toHaveBeenCalled();
});

test('who may not use the chat is told so', async () => {
  http.on('POST auth/refresh', () => failure('forbidden', 403));
  const session = arrive();
  await session.start();
  expect(session.standing.get()).toEqual({ state: 'out', why: 'revoked' });
});

test('a Hub that answers again has the page loaded again, which then gets its token', async () => {
  http.on('POST auth/refresh', () => failure('not_ready', 503));
  const session = arrive();
  await session.start();
  expect(session.standing.get().state).toBe('away');
  http.on('POST auth/refresh', () => failure('unauthenticated', 401));
  await session.start();
  expect(reload).toHaveBeenCalledOnce();
});

test('what is the matter of the Hub has no place in the page', () => {
  expect(partsFor(SETTINGS, true)).toEqual(['profile', 'usage', 'data']);
  expect(partsFor(ADMIN, true)).toEqual(['users', 'usage', 'audit']);
  expect(partsFor(ADMIN, false)).toEqual([...ADMIN]);
});
