import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeServer } from '../fakes/server';
import { pass, Person } from '../fakes/person';
import { textOf } from '../fakes/values';
import { seeded } from '../random';

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

async function ask(text = 'Q'): Promise<string> {
  person.model.send(text);
  await pass();
  return server.newestRun;
}

test('a first question begins a chat, and its answer streams', async () => {
  const run = await ask('Why?');
  expect(person.chatId).not.toBeNull();
  expect(person.sees).toEqual(['user completed: Why?', 'assistant pending: ']);
  server.think(run, 'Hm. ');
  server.say(run, 'Be');
  server.say(run, 'cause.');
  await pass();
  expect(person.sees[1]).toBe('assistant streaming: Because.');
  expect(person.last.parts.map(part => part.kind)).toEqual(['thinking', 'text']);
  server.finish(run);
  expect(person.sees[1]).toBe('assistant completed: Because.');
  expect(person.model.chats.get().items.map(chat => chat.title)).toEqual(['Why?']);
});

test('after a lost connection nothing is missing and nothing twice', async () => {
  const run = await ask();
  server.say(run, 'one ');
  server.down = true;
  server.cut();
  server.say(run, 'two ');
  await pass(5_000);
  server.say(run, 'three ');
  expect(person.model.connection.get().state).toBe('reconnecting');
  server.down = false;
  await pass(60_000);
  server.say(run, 'four');
  server.finish(run);
  await pass();
  expect(person.sees[1]).toBe('assistant completed: one two three four');
});

test('an unseen chat listens as long as an answer is awaited, and shows what it has missed when it is seen', async () => {
  const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  const run = await ask();
  await pass(1_000_000);
  expect(server.listeners).toBe(1);
  server.finish(run);
  await pass(400_000);
  expect(server.listeners).toBe(0);
  const elsewhere = new Person(server);
  await pass();
  await elsewhere.model.openChat(person.chatId);
  elsewhere.model.send('More?');
  await pass();
  server.say(server.newestRun, 'Yes.');
  elsewhere.leave();
  hidden.mockReturnValue(false);
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(1_000);
  expect(person.sees.slice(2)).toEqual(['user completed: More?', 'assistant streaming: Yes.']);
  hidden.mockRestore();
});

test('what ended while nobody listened is shown as ended', async () => {
  const run = await ask();
  server.say(run, 'half');
  server.down = true;
  server.cut();
  server.say(run, ' and half');
  server.finish(run);
  await pass(2_000);
  server.down = false;
  await pass(30_000);
  expect(person.sees[1]).toBe('assistant completed: half and half');
});

test('connections that break at any moment leave the text as the server has it', async () => {
  const random = seeded(11);
  for (let round = 0; round < 20; round++) {
    const run = await ask(`Question ${round}`);
    for (let i = 0; i < 40; i++) {
      const dice = random();
      server.say(run, `${i} `);
      if (dice < 0.1) {
        server.cut(1012);
      } else if (dice < 0.2) {
        server.loseEvents = !server.loseEvents;
      } else if (dice < 0.23) {
        server.takeOver(run);
      }
      await pass(random() * 400);
    }
    server.loseEvents = false;
    server.finish(run);
    await pass(40_000);
    expect(person.sees.at(-1)).toBe(`assistant completed: ${textOf(server.messages.get(person.last.id))}`);
  }
});

test('what was missed is asked for at once, also while chats cannot be read', async () => {
  const run = await ask();
  server.say(run, 'one ');
  server.cut();
  server.say(run, 'two');
  const broken = vi.spyOn(server as unknown as { answer(): unknown }, 'answer').mockImplementation(() => {
    throw new Error('the store is away');
  });
  await pass(1_000);
  broken.mockRestore();
  expect(person.sees[1]).toBe('assistant streaming: one two');
});

test('events that were seen before are left out, and nothing is asked for', async () => {
  const run = await ask();
  server.say(run, 'one ');
  server.say(run, 'two');
  await pass();
  const before = server.received.length;
  for (const { seq, event } of server.logs.get(run)!.events) {
    server.broadcast({ type: 'event', run_id: run, chat_id: person.chatId!, seq, event });
  }
  await pass();
  expect(person.sees[1]).toBe('assistant streaming: one two');
  expect(server.received).toHaveLength(before);
});

test('a lost event is noticed and asked for', async () => {
  const run = await ask();
  server.say(run, 'one ');
  server.loseEvents = true;
  server.say(run, 'two ');
  server.loseEvents = false;
  server.say(run, 'three ');
  await pass();
  server.say(run, 'four');
  await pass();
  expect(person.sees[1]).toBe('assistant streaming: one two three four');
});

test('a hole that the server cannot fill does not stop the answer, and the end is as the server has it', async () => {
  const run = await ask();
  server.say(run, 'one ');
  server.loseEvents = true;
  server.say(run, 'two ');
  server.logs.get(run)!.events.pop();
  server.loseEvents = false;
  server.say(run, 'three ');
  await pass();
  server.say(run, 'four ');
  await pass();
  expect(person.sees[1]).toMatch(/^assistant streaming: one (?:three )?four $/);
  server.finish(run);
  await pass();
  expect(person.sees[1]).toBe('assistant completed: one two three four ');
});

test('a run that has ended without its last events is read again', async () => {
  const run = await ask();
  server.say(run, 'one ');
  server.loseEvents = true;
  server.say(run, 'two');
  server.loseEvents = false;
  server.finish(run);
  await pass();
  expect(person.sees[1]).toBe('assistant completed: one two');
});

test('another process goes on: the snapshot replaces what was shown', async () => {
  const run = await ask();
  server.say(run, 'lost later');
  await pass();
  const { message_id: id } = server.logs.get(run)!.run;
  server.messages.set(id, { ...server.messages.get(id)!, parts: [{ type: 'text', text: 'kept' }] });
  server.takeOver(run);
  server.say(run, ' and more');
  await pass();
  expect(person.sees[1]).toBe('assistant streaming: kept and more');
});

test('a run that nothing was heard of for long is asked for again', async () => {
  const run = await ask();
  server.loseEvents = true;
  server.say(run, 'unheard');
  server.finish(run);
  server.loseEvents = false;
  await pass(35_000);
  expect(person.sees[1]).toBe('assistant completed: unheard');
});

test('a repeated end changes nothing', async () => {
  const run = await ask();
  server.say(run, 'x');
  server.finish(run, 'failed');
  const { last } = person;
  const { seq } = server.logs.get(run)!.run;
  const finished = { type: 'run_finished', state: 'completed', reason: null, error: null, usage: null } as const;
  server.broadcast({ type: 'event', run_id: run, chat_id: person.chatId!, seq: seq + 1, event: finished });
  server.broadcast({
    type: 'event',
    run_id: run,
    chat_id: person.chatId!,
    seq: seq + 2,
    event: { type: 'text_delta', text: 'late' }
  });
  await pass();
  expect(person.last).toBe(last);
});

describe('stop', () => {
  test('ends the run and keeps its text', async () => {
    const run = await ask();
    server.say(run, 'half');
    await pass();
    person.model.stop(person.last.id);
    expect(person.last.stopping).toBe(true);
    await pass();
    expect(person.sees[1]).toBe('assistant stopped: half');
    expect(person.last.stopping).toBe(false);
    expect(person.last.reason).toBe('user');
  });

  test('text that comes before the end is still shown', async () => {
    const run = await ask();
    person.model.stop(person.last.id);
    await pass(1);
    server.say(run, 'last words');
    await pass();
    expect(person.sees[1]).toBe('assistant stopped: last words');
  });

  test('is sent once, however often it is clicked', async () => {
    await ask();
    for (let i = 0; i < 3; i++) {
      person.model.stop(person.last.id);
    }
    await pass(5);
    expect(server.received.filter(frame => frame.type === 'stop')).toHaveLength(1);
  });

  test('before the question is acknowledged stops the answer once there is one', async () => {
    person.model.send('Q');
    person.model.stop(person.last.id);
    await pass();
    expect(person.sees).toEqual(['user completed: Q', 'assistant stopped: ']);
  });

  test('of a run that has ended unheard shows its end', async () => {
    const run = await ask();
    server.loseEvents = true;
    server.finish(run);
    server.loseEvents = false;
    person.model.stop(person.last.id);
    await pass();
    expect(person.sees[1]).toBe('assistant completed: ');
  });

  test('goes out when the connection is back', async () => {
    const run = await ask();
    server.down = true;
    server.cut();
    person.model.stop(person.last.id);
    await pass(3_000);
    server.down = false;
    await pass(30_000);
    expect(person.sees[1]).toBe('assistant stopped: ');
    expect(server.logs.get(run)!.run.state).toBe('stopped');
  });
});

describe('continue', () => {
  async function stopped(): Promise<string> {
    const run = await ask();
    server.say(run, 'first half');
    person.model.stop(person.last.id);
    await pass();
    return run;
  }

  test('goes on in the same message', async () => {
    const before = await stopped();
    const { id } = person.last;
    person.model.continueMessage(id);
    await pass();
    const run = server.newestRun;
    expect(run).not.toBe(before);
    server.say(run, ', second half');
    server.finish(run);
    await pass();
    expect(person.views.map(view => view.id).at(-1)).toBe(id);
    expect(person.sees[1]).toBe('assistant completed: first half, second half');
    expect(person.last.continuations).toHaveLength(1);
  });

  test('leaves out late events of the run before', async () => {
    const before = await stopped();
    person.model.continueMessage(person.last.id);
    await pass();
    const { seq } = server.logs.get(before)!.run;
    const late = { type: 'event', run_id: before, chat_id: person.chatId! } as const;
    server.broadcast({ ...late, seq: seq + 1, event: { type: 'text_delta', text: ' LATE' } });
    const end = { type: 'run_finished', state: 'interrupted', reason: null, error: null, usage: null } as const;
    server.broadcast({ ...late, seq: seq + 2, event: end });
    await pass();
    expect(person.sees[1]).toBe('assistant pending: first half');
  });

  test('is not undone by an answer of the server that is older', async () => {
    await stopped();
    const { id } = person.last;
    const old = server.messages.get(id)!;
    person.model.continueMessage(id);
    await pass();
    const now = server.messages.get(id)!;
    server.messages.set(id, old);
    await person.model.reloadChats();
    server.cut();
    await pass(5_000);
    expect(person.last.runId).toBe(now.run_id);
  });

  test('counts the seconds of its own loading', async () => {
    await stopped();
    await pass(60_000);
    const clicked = Date.now();
    person.model.continueMessage(person.last.id);
    await pass();
    expect(person.last.askedAt).toBeGreaterThanOrEqual(clicked);
  });

  test('asked for twice is one run', async () => {
    await stopped();
    person.model.continueMessage(person.last.id);
    person.model.continueMessage(person.last.id);
    await pass();
    expect(server.received.filter(frame => frame.type === 'continue')).toHaveLength(1);
  });
});

test('a refused regenerate says why, and leaves the answer as it is', async () => {
  const { ApiError } = await import('../../../src/ui/client/errors');
  const run = await ask();
  server.say(run, 'answer');
  server.finish(run);
  server.refuse = new ApiError('queue_full', 'Too many answers are being written.', {}, 503);
  person.model.regenerate(person.last.id);
  await pass();
  expect(person.sees[1]).toBe('assistant completed: answer');
  expect(person.last.refused).toEqual({
    code: 'queue_full',
    message: 'Too many answers are being written.',
    details: {}
  });
  server.refuse = null;
  person.model.regenerate(person.last.id);
  await pass();
  expect(person.sees[1]).toBe('assistant pending: ');
});
