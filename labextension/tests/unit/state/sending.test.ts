import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../../src/ui/client/errors';
import { FakeServer } from '../fakes/server';
import { pass, Person } from '../fakes/person';

let server: FakeServer;
let person: Person;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  person = new Person(server);
  await pass();
});

afterEach(() => {
  person.leave();
  vi.useRealTimers();
});

const questions = (): string[] =>
  [...server.messages.values()]
    .filter(message => message.role === 'user')
    .map(message => (message.parts[0] as { text: string }).text);

test('a question is seen at once, and the box is empty', () => {
  person.model.setDraft('Q');
  expect(person.model.send('Q')).toBe(true);
  expect(person.sees).toEqual(['user sending: Q']);
  expect(person.model.draft.get()).toBe('');
});

test('blank text is not sent', () => {
  expect(person.model.send(' \n ')).toBe(false);
  expect(person.sees).toEqual([]);
});

test('while an answer is written no other question is sent, and the draft stays', async () => {
  person.model.send('one');
  await pass();
  person.model.setDraft('two');
  expect(person.model.send('two')).toBe(false);
  expect(person.model.draft.get()).toBe('two');
  expect(questions()).toEqual(['one']);
});

test('the next question follows the answer that is shown', async () => {
  person.model.send('one');
  await pass();
  server.finish(server.newestRun);
  person.model.send('two');
  await pass();
  server.finish(server.newestRun);
  expect(person.sees).toEqual([
    'user completed: one',
    'assistant completed: ',
    'user completed: two',
    'assistant completed: '
  ]);
  expect(server.chats.size).toBe(1);
});

test('a lost ack is made good by the same key: one question, one run', async () => {
  server.mute = true;
  person.model.send('Q');
  await pass(2_000);
  server.mute = false;
  await pass(10_000);
  expect(questions()).toEqual(['Q']);
  expect(server.logs.size).toBe(1);
  expect(person.sees).toEqual(['user completed: Q', 'assistant pending: ']);
});

test('news of our own reply that come before its ack do not show it twice', async () => {
  const carryOut = server.carryOut.bind(server);
  vi.spyOn(server, 'carryOut').mockImplementation(frame => {
    const ack = carryOut(frame); // chat_changed leaves in here, before the ack
    return ack;
  });
  person.model.send('one');
  await pass();
  server.finish(server.newestRun);
  person.model.send('two');
  await pass();
  expect(person.views.map(view => view.role)).toEqual(['user', 'assistant', 'user', 'assistant']);
});

describe('while the server is away', () => {
  beforeEach(() => {
    server.down = true;
    server.cut();
  });

  test('a question says after a while that it is not sent, and is sent once the server is back', async () => {
    person.model.send('Q');
    await pass(5_100);
    expect(person.sees).toEqual(['user unsent: Q']);
    server.down = false;
    await pass(30_000);
    expect(person.sees).toEqual(['user completed: Q', 'assistant pending: ']);
    expect(questions()).toEqual(['Q']);
  });

  test('Retry tries at once, and asks nothing twice', async () => {
    person.model.send('Q');
    await pass(25_000);
    server.down = false;
    person.model.retry(person.last.id);
    expect(person.sees).toEqual(['user sending: Q']);
    await pass(10);
    expect(person.sees).toEqual(['user completed: Q', 'assistant pending: ']);
    await pass(60_000);
    expect(questions()).toEqual(['Q']);
  });

  test('Edit gives the question back, and it is not sent later', async () => {
    person.model.send('Q');
    await pass(6_000);
    person.model.discard(person.last.id);
    expect(person.model.draft.get()).toBe('Q');
    expect(person.sees).toEqual([]);
    expect(person.model.current.get().status).toBe('empty');
    person.leave();
    person = new Person(server);
    expect(person.sees).toEqual([]);
    expect(person.model.draft.get()).toBe('Q');
    server.down = false;
    await pass(60_000);
    expect(questions()).toEqual([]);
  });

  test('another question waits: the first is tried again, the draft stays', async () => {
    person.model.send('one');
    await pass(6_000);
    person.model.setDraft('two');
    expect(person.model.send('two')).toBe(false);
    expect(person.model.draft.get()).toBe('two');
    expect(person.sees).toEqual(['user sending: one']);
    server.down = false;
    await pass(30_000);
    expect(questions()).toEqual(['one']);
    expect(server.chats.size).toBe(1);
  });

  test('a reload of the page keeps the question, and sends it once', async () => {
    person.model.send('Q');
    await pass(1_000);
    person.leave();
    person = new Person(server);
    expect(person.sees).toEqual(['user sending: Q']);
    server.down = false;
    await pass(30_000);
    expect(questions()).toEqual(['Q']);
    person.leave();
    person = new Person(server);
    await pass();
    expect(person.sees).toEqual([]);
  });
});

test('a question whose ack was lost before a reload is not asked again', async () => {
  person.model.send('one');
  await pass();
  server.finish(server.newestRun);
  const { chatId } = person;
  server.mute = true;
  person.model.send('two');
  await pass();
  person.leave();
  server.mute = false;
  person = new Person(server, { chatId });
  await pass();
  expect(questions()).toEqual(['one', 'two']);
  expect(person.sees.slice(2)).toEqual(['user completed: two', 'assistant pending: ']);
});

test('a question on its way in another chat is found there, once', async () => {
  person.model.send('one');
  await pass();
  server.finish(server.newestRun);
  const chatId = person.chatId!;
  server.down = true;
  server.cut();
  person.model.send('two');
  await pass();
  person.model.newChat();
  expect(person.sees).toEqual([]);
  server.down = false;
  await pass(30_000);
  await person.model.openChat(chatId);
  await pass();
  expect(questions()).toEqual(['one', 'two']);
  expect(person.sees.slice(2)).toEqual(['user completed: two', 'assistant pending: ']);
  expect(person.model.draft.get()).toBe('');
});

test('a refused question says why, and can be edited', async () => {
  server.refuse = new ApiError('too_many_runs', 'Three answers are being written already.', {}, 429);
  person.model.send('Q');
  await pass();
  expect(person.sees).toEqual(['user unsent: Q']);
  expect(person.last.error?.message).toBe('Three answers are being written already.');
  server.refuse = null;
  person.model.discard(person.last.id);
  person.model.send('Q2');
  await pass();
  expect(questions()).toEqual(['Q2']);
});

describe('size and characters', () => {
  test('a question that is too long is refused with a clear word, and never sent', async () => {
    person.model.send('x'.repeat(512 * 1024 + 1));
    await pass();
    expect(person.last.status).toBe('unsent');
    expect(person.last.error).toMatchObject({ code: 'too_large', details: { limit: 524_288 } });
    expect(person.last.error!.message).toContain('524,288 characters');
    expect(server.received.filter(frame => frame.type === 'send')).toEqual([]);
  });

  test('the longest that may be sent is sent', async () => {
    person.model.send('x'.repeat(512 * 1024));
    await pass();
    expect(person.views).toHaveLength(2);
  });

  test('what does not fit into a frame is refused too', async () => {
    person.model.send('\u{1F642}'.repeat(300_000)); // 1.2 MB, and fewer characters than allowed
    await pass();
    expect(person.last.error?.code).toBe('too_large');
    expect(server.received.filter(frame => frame.type === 'send')).toEqual([]);
  });

  test('what the wire does not carry is replaced', async () => {
    person.model.send('a\0b\uD800c \u{1F642}');
    await pass();
    expect(questions()).toEqual(['a\uFFFDb\uFFFDc \u{1F642}']);
  });
});

describe('branches', () => {
  beforeEach(async () => {
    person.model.send('one');
    await pass();
    server.say(server.newestRun, 'first');
    server.finish(server.newestRun);
  });

  test('an edited question stands beside the old one', async () => {
    const old = person.views[0].id;
    person.model.edit(old, 'better');
    expect(person.sees).toEqual(['user sending: better']);
    await pass();
    expect(person.sees).toEqual(['user completed: better', 'assistant pending: ']);
    expect(person.model.siblings(person.views[0].id)).toEqual([old, person.views[0].id]);
    server.finish(server.newestRun);
    person.model.showBranch(old);
    expect(person.sees).toEqual(['user completed: one', 'assistant completed: first']);
    await pass();
    expect(server.chats.get(person.chatId!)!.active_leaf).toBe(person.last.id);
  });

  test('another answer stands beside the old one', async () => {
    const old = person.last.id;
    person.model.regenerate(old);
    await pass();
    server.say(server.newestRun, 'second');
    server.finish(server.newestRun);
    expect(person.sees).toEqual(['user completed: one', 'assistant completed: second']);
    expect(person.model.siblings(person.last.id)).toEqual([old, person.last.id]);
  });

  test('an unsent question is no branch that the server could open', async () => {
    server.down = true;
    server.cut();
    person.model.edit(person.views[0].id, 'better');
    await pass(6_000);
    const before = server.requests.length;
    person.model.showBranch(person.last.id);
    expect(server.requests.slice(before).filter(request => request.startsWith('PATCH'))).toEqual([]);
  });
});
