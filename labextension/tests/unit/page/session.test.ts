import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Session } from '../../../src/page/identity/session';
import { Rest } from '../../../src/ui/client/rest';
import { aMe, FakeAccounts } from '../fakes/accounts';
import { failure, json } from '../fakes/http';

const url = 'https://jupyter.example.org/api/aichat/v1';
let http: FakeAccounts;
let session: Session;
const strangers = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  strangers.mockClear();
  http = new FakeAccounts();
  session = arrive();
});

afterEach(() => vi.useRealTimers());

const arrive = (): Session => new Session({ url, fetch: http.fetch, onStranger: strangers });
const refreshes = (): number => http.count('POST auth/refresh');
const state = (of = session): string => of.standing.get().state;
const ask = (): Promise<unknown> => new Rest({ url, fetch: session.fetch }).request('GET', 'me');

describe('arriving', () => {
  test('without a session from before one is out, and no reason is given', async () => {
    await session.start();
    expect(session.standing.get()).toEqual({ state: 'out', why: null });
  });

  test('with one, it goes on', async () => {
    http.cookie = 'yes';
    await session.start();
    expect(session.standing.get()).toEqual({ state: 'in', me: http.me });
  });

  test('while nobody answers, it is neither known nor lost', async () => {
    http.cookie = 'yes';
    http.on('POST auth/refresh', () => Promise.reject(new TypeError('Failed to fetch')));
    await session.start();
    expect(state()).toBe('away');
  });
});

describe('logging in', () => {
  test('asks for a cookie and keeps the token out of every storage', async () => {
    await session.login('ada', 'right');
    expect(http.bodies[0]).toEqual({ username: 'ada', password: 'right', cookie: true });
    expect(state()).toBe('in');
    const kept = JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie;
    expect(kept).not.toContain(session.bearer);
    expect(session.bearer).not.toBe('');
  });

  test('with a wrong password says what the service says', async () => {
    await expect(session.login('ada', 'wrong')).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(session.bearer).toBe('');
  });

  test('logging out forgets the token, and the person knows why', async () => {
    await session.login('ada', 'right');
    await session.logout();
    expect(session.standing.get()).toEqual({ state: 'out', why: 'left' });
    expect(session.bearer).toBe('');
  });

  test('a logout is one also where its end is heard of before its answer', async () => {
    await session.login('ada', 'right');
    http.on('POST auth/logout', async () => {
      http.revoke();
      await ask().catch(() => undefined); // as the chat does when its socket closes
      return new Response(null, { status: 204 });
    });
    await session.logout();
    expect(session.standing.get()).toEqual({ state: 'out', why: 'left' });
  });

  test('a logout that nobody hears is none', async () => {
    await session.login('ada', 'right');
    http.on('POST auth/logout', () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(session.logout()).rejects.toMatchObject({ code: 'network' });
    expect(state()).toBe('in');
  });
});

describe('a token', () => {
  beforeEach(() => session.login('ada', 'right'));

  test('that is refused is renewed once, and the request asked again', async () => {
    http.expire();
    await expect(ask()).resolves.toEqual(http.me);
    expect(refreshes()).toBe(1);
  });

  test('is renewed once for all who ask at once', async () => {
    http.expire();
    await Promise.all([ask(), ask(), ask()]);
    expect(refreshes()).toBe(1);
  });

  test('is renewed before its time is over', async () => {
    await vi.advanceTimersByTimeAsync(899_000);
    expect(refreshes()).toBe(1);
    expect(session.isFresh()).toBe(true);
  });

  test('is renewed first where the timers slept', async () => {
    vi.setSystemTime(Date.now() + 3_600_000);
    http.expire();
    await ask();
    expect(http.asked.filter(each => each === 'GET me')).toHaveLength(2); // at the login, and now
    expect(refreshes()).toBe(1);
  });

  test('that cannot be renewed ends the session, and the person knows why', async () => {
    http.revoke();
    await expect(ask()).rejects.toMatchObject({ status: 401 });
    expect(session.standing.get()).toEqual({ state: 'out', why: 'ended' });
  });

  test('that cannot be renewed right now ends nothing', async () => {
    http.expire();
    http.on('POST auth/refresh', () => failure('store_unavailable', 503));
    await expect(ask()).rejects.toMatchObject({ code: 'network' });
    expect(state()).toBe('in');
  });

  test('is not asked for again and again when the service refuses it still', async () => {
    http.on('GET me', () => failure('unauthenticated', 401));
    await expect(ask()).rejects.toMatchObject({ status: 401 });
    expect(refreshes()).toBe(1);
  });

  test('of another person is not taken: what is shown must go', async () => {
    const before = session.bearer;
    http.me = aMe({ owner_id: 'o-eve' });
    http.expire();
    await ask().catch(() => undefined);
    expect(strangers).toHaveBeenCalledOnce();
    expect(session.bearer).toBe(before);
  });
});

describe('an attempt', () => {
  test('whose reply was lost is made again under its name', async () => {
    http.cookie = 'yes';
    const answer = (): Response => json({ access_token: 'a.e30.c', expires_in: 900 });
    let lost = true;
    http.on('POST auth/refresh', (_path: string, init: RequestInit) => {
      http.attempts.push((JSON.parse(String(init.body)) as { attempt: string }).attempt);
      return lost ? Promise.reject(new TypeError('Failed to fetch')) : answer();
    });
    await session.start();
    await arrive().start(); // the page is loaded again in the middle
    lost = false;
    await arrive().start();
    await arrive().start();
    const [first, second, third, fourth] = http.attempts;
    expect(first).toBeTruthy();
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toBe(first);
  });

  test('of several tabs is one at a time where the browser can lock', async () => {
    http.cookie = 'yes';
    let inside = 0;
    let most = 0;
    let last: Promise<unknown> = Promise.resolve();
    const request = (_name: string, _options: object, act: () => Promise<unknown>): Promise<unknown> =>
      (last = last.then(act));
    vi.stubGlobal('navigator', { locks: { request } });
    http.on('POST auth/refresh', async () => {
      most = Math.max(most, ++inside);
      await Promise.resolve();
      inside -= 1;
      return json({ access_token: 'a.e30.c', expires_in: 900 });
    });
    http.on('GET me', http.me);
    await Promise.all([arrive().start(), arrive().start(), arrive().start()]);
    expect(most).toBe(1);
    expect(refreshes()).toBe(3);
  });

  test('does not wait for a tab that is stuck', async () => {
    http.cookie = 'yes';
    const request = (_name: string, { signal }: { signal: AbortSignal }): Promise<unknown> =>
      new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
    const control = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(control.signal);
    vi.stubGlobal('navigator', { locks: { request } });
    const started = session.start();
    control.abort();
    await started;
    expect(refreshes()).toBe(1);
  });
});

test('a page that is seen again finds out that somebody logged in elsewhere', async () => {
  await session.start();
  http.cookie = 'yes';
  session.wake();
  await vi.waitFor(() => expect(state()).toBe('in'));
});

test('a page that is seen again keeps the reason why it is out', async () => {
  await session.login('ada', 'right');
  http.revoke();
  await ask().catch(() => undefined);
  session.wake();
  await vi.advanceTimersByTimeAsync(100);
  expect(session.standing.get()).toEqual({ state: 'out', why: 'ended' });
});
