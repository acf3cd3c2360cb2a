import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { textOf } from '../../../src/ui/state/message-view';
import { SharedModel } from '../../../src/ui/state/shared';
import { failure } from '../fakes/http';
import { aShared, FakeShare, HEAD, KEY, QUESTION, text } from '../fakes/shared';

let share: FakeShare;
let model: SharedModel;

beforeEach(() => {
  vi.useFakeTimers();
  share = new FakeShare();
  model = new SharedModel(share.rest, KEY);
});

afterEach(() => {
  model.dispose();
  vi.useRealTimers();
});

const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const said = (): string[] =>
  model.chat.get().path.map(id => {
    const view = model.message(id).get()!;
    return `${view.status} ${textOf(view)}`;
  });

async function arrive(...messages: ReturnType<typeof aShared>[]): Promise<void> {
  model.start();
  await pass();
  share.tell(HEAD, { type: 'messages', after: null, items: messages, next: null });
  await pass();
}

describe('a reader', () => {
  test('gets the chat, and the answer as it grows, to its end', async () => {
    await arrive(QUESTION, aShared({ id: 'a', status: 'streaming', parts: text('Tw') }));
    expect(model.chat.get()).toMatchObject({ state: 'live', title: 'Moons', sharedBy: 'Ada', path: ['q', 'a'] });
    const snapshot = aShared({ id: 'a', status: 'streaming', parts: text('Two') });
    share.tell({ type: 'event', message_id: 'a', event: { type: 'snapshot', message: snapshot } });
    share.say(' moo');
    share.say('ns');
    await pass(50);
    expect(said()).toEqual(['completed How many?', 'streaming Two moons']);
    share.finish();
    await pass();
    expect(said()[1]).toBe('completed Two moons');
  });

  test('gets later questions, and an answer that is continued', async () => {
    await arrive(QUESTION, aShared({ id: 'a', status: 'stopped', parts: text('Tw') }));
    const again = aShared({ id: 'a', status: 'pending', parts: text('Tw') });
    share.tell({ type: 'event', message_id: 'a', event: { type: 'snapshot', message: again } });
    share.say('o');
    share.finish();
    const more = [aShared({ id: 'q2', role: 'user', parts: text('Sure?') }), aShared({ id: 'a2', parts: text('Yes') })];
    share.tell({ type: 'messages', after: 'a', items: more, next: null });
    await pass(50);
    expect(said()).toEqual(['completed How many?', 'completed Two', 'completed Sure?', 'completed Yes']);
  });

  test('sees another branch in the place of the one before, and nothing more of that', async () => {
    await arrive(QUESTION, aShared({ id: 'a', status: 'streaming', parts: text('Two') }));
    share.tell({ type: 'messages', after: 'q', items: [aShared({ id: 'b', parts: text('One') })], next: null });
    share.say(' moons', 'a');
    await pass(50);
    expect(said()).toEqual(['completed How many?', 'completed One']);
    expect(model.message('a').get()).toBeUndefined();
  });

  test('is told of a failure by its code alone', async () => {
    await arrive(QUESTION, aShared({ id: 'a', status: 'streaming' }));
    share.finish('failed');
    await pass();
    expect(model.message('a').get()).toMatchObject({ status: 'failed', error: { code: 'provider_error' } });
  });

  test('gets earlier messages when asked for', async () => {
    await arrive(QUESTION);
    share.tell({ type: 'messages', after: null, items: [QUESTION], next: 'c+/=' });
    await pass();
    share.http.on(`GET shared/${KEY}`, { messages: [aShared({ id: 'e', parts: text('Before') })], next: null });
    await model.loadEarlier();
    expect(share.http.asked).toContain(`GET shared/${KEY}?cursor=c%2B%2F%3D`);
    expect(said()).toEqual(['completed Before', 'completed How many?']);
    expect(model.chat.get().earlier).toBeNull();
    share.tell({ type: 'messages', after: 'q', items: [aShared({ id: 'a', parts: text('Two') })], next: null });
    await pass();
    expect(model.chat.get().path).toEqual(['e', 'q', 'a']);
  });
});

describe('a stream', () => {
  test('that breaks is begun anew, and what is shown already stays the same', async () => {
    await arrive(QUESTION);
    const shown = model.message('q').get();
    share.streams[0].break();
    await pass();
    expect(model.chat.get().state).toBe('reconnecting');
    await pass(1_000);
    share.tell(HEAD, { type: 'messages', after: null, items: [QUESTION], next: null });
    await pass();
    expect(model.chat.get()).toMatchObject({ state: 'live', path: ['q'] });
    expect(model.message('q').get()).toBe(shown);
  });

  test('that falls silent is taken for dead', async () => {
    await arrive(QUESTION);
    await pass(39_000);
    share.streams[0].write(':\n\n');
    await pass(39_000);
    expect(share.streams).toHaveLength(1);
    await pass(3_000);
    expect(share.streams).toHaveLength(2);
  });

  test('that says that the share has ended is not begun anew', async () => {
    await arrive(QUESTION);
    share.tell({ type: 'end' });
    share.streams[0].end();
    await pass(100_000);
    expect(model.chat.get().state).toBe('ended');
    expect(share.streams).toHaveLength(1);
  });

  test.each([
    [404, 'ended'],
    [401, 'unauthenticated']
  ])('that is refused with %i leaves it at that', async (status, state) => {
    share.refusal = () => failure('no', status);
    model.start();
    await pass(100_000);
    expect(model.chat.get().state).toBe(state);
    expect(share.http.asked).toHaveLength(1);
  });

  test('is asked for again where too many read, or the server is away', async () => {
    share.refusal = () => failure('rate_limited', 429);
    model.start();
    await pass(1_000);
    expect(model.chat.get().state).toBe('reconnecting');
    share.refusal = null;
    await pass(60_000);
    expect(model.chat.get().state).toBe('live');
  });

  test('is left with the page', async () => {
    await arrive(QUESTION);
    model.dispose();
    await pass(100_000);
    expect(share.streams).toHaveLength(1);
  });
});
