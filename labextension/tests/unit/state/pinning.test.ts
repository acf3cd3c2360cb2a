import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../../src/ui/client/errors';
import { Chats } from '../../../src/ui/state/chats';
import type { Chat } from '../../../src/ui/protocol.generated';
import { FakeServer } from '../fakes/server';
import { pass, Person } from '../fakes/person';
import { aChat } from '../fakes/values';

let server: FakeServer;
const people: Person[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  ['old', 'middle', 'new'].forEach((id, day) =>
    server.chats.set(id, aChat({ id, title: id, updated_at: `2025-01-0${day + 1}T00:00:00Z` }))
  );
});

afterEach(() => {
  people.splice(0).forEach(person => person.leave());
  vi.useRealTimers();
});

async function aPerson(chatId: string | null = null): Promise<Person> {
  const person = new Person(server, { chatId });
  people.push(person);
  await pass();
  return person;
}

const listed = (person: Person): string[] =>
  person.model.chats.get().items.map(chat => (chat.pinned ? `*${chat.title}` : chat.title));

describe('a pinned chat', () => {
  test('is the first at once, and in other tabs', async () => {
    const [one, two] = [await aPerson('old'), await aPerson()];
    const done = one.model.pinChat('old', true);
    expect(listed(one)).toEqual(['*old', 'new', 'middle']);
    await done;
    expect(one.model.current.get().chat?.pinned).toBe(true);
    await pass(1_000);
    expect(listed(one)).toEqual(['*old', 'new', 'middle']);
    expect(listed(two)).toEqual(['*old', 'new', 'middle']);
  });

  test('that is unpinned is the newest of the others, which it is for the server too', async () => {
    const person = await aPerson();
    await person.model.pinChat('old', true);
    await person.model.pinChat('middle', true);
    expect(listed(person)).toEqual(['*middle', '*old', 'new']);
    const done = person.model.pinChat('old', false);
    expect(listed(person)).toEqual(['*middle', 'old', 'new']);
    await done;
    await pass(1_000);
    expect(listed(person)).toEqual(['*middle', 'old', 'new']);
  });

  test('that the server does not pin is where it was', async () => {
    const person = await aPerson();
    server.down = true;
    const done = person.model.pinChat('old', true);
    expect(listed(person)).toEqual(['*old', 'new', 'middle']);
    await expect(done).rejects.toBeInstanceOf(ApiError);
    expect(listed(person)).toEqual(['new', 'middle', 'old']);
  });

  test('stays above a chat that has just begun', async () => {
    const person = await aPerson();
    await person.model.pinChat('old', true);
    person.model.send('Q');
    await pass(50); // before the list is read again
    expect(listed(person)).toEqual(['*old', 'Q', 'new', 'middle']);
  });
});

describe('while the server has not answered', () => {
  let waiting: { body: unknown; answer(pinned: boolean): Promise<void>; fail(): Promise<void> }[];
  let chats: Chats;
  let kept: Chat[];

  beforeEach(async () => {
    waiting = [];
    kept = ['a', 'b'].map(id => aChat({ id, title: id }));
    chats = new Chats((method, _, body) =>
      method === 'GET'
        ? Promise.resolve({ items: kept, next: null })
        : new Promise((resolve, reject) => {
            const then = async (): Promise<void> => void (await pass(0));
            waiting.push({
              body,
              answer: pinned => (resolve(aChat({ id: 'b', title: 'b', pinned })), then()),
              fail: () => (reject(new ApiError('network', 'down')), then())
            });
          })
    );
    await chats.reload();
  });

  const pinned = (): string[] => chats.list.get().items.flatMap(chat => (chat.pinned ? [chat.id] : []));
  const quiet = (done: Promise<unknown>): void => void done.catch(() => undefined);

  test('a list that is read meanwhile changes nothing', async () => {
    quiet(chats.pin('b', true));
    await chats.reload();
    expect(chats.list.get().items.map(chat => chat.id)).toEqual(['b', 'a']);
    chats.put(aChat({ id: 'b', title: 'renamed' }));
    expect(chats.list.get().items[0]).toMatchObject({ title: 'renamed', pinned: true });
  });

  test('a second wish waits for the first one, and holds', async () => {
    quiet(chats.pin('b', true));
    quiet(chats.pin('b', false));
    expect(waiting.map(({ body }) => body)).toEqual([{ pinned: true }]);
    expect(pinned()).toEqual([]);
    await waiting[0].answer(true);
    expect(pinned()).toEqual([]);
    expect(waiting.map(({ body }) => body)).toEqual([{ pinned: true }, { pinned: false }]);
    await waiting[1].answer(false);
    expect(pinned()).toEqual([]);
  });

  test('a first wish that failed leaves the second one', async () => {
    quiet(chats.pin('b', true));
    quiet(chats.pin('b', true));
    await waiting[0].fail();
    expect(pinned()).toEqual(['b']);
    await waiting[1].answer(true);
    expect(pinned()).toEqual(['b']);
  });

  test('what the first wish did is true when the second one failed', async () => {
    quiet(chats.pin('b', true));
    quiet(chats.pin('b', false));
    await waiting[0].answer(true);
    await waiting[1].fail();
    expect(pinned()).toEqual(['b']);
  });
});

describe('what pinning means', () => {
  const days = async (keeps: FakeServer['keeps'], scopes = ['chats:write']): Promise<number | null> => {
    [server.keeps, server.scopes] = [keeps, scopes];
    return (await aPerson()).model.keeping.days.get();
  };

  test('is that it is kept, where others go', async () => {
    expect(await days({ keeps_chats_days: 90, keeps_pinned: true })).toBe(90);
  });

  test('is nothing more where all are kept, where pinned ones go too, and by an older service', async () => {
    expect(await days({ keeps_chats_days: null, keeps_pinned: true })).toBeNull();
    expect(await days({ keeps_chats_days: 90, keeps_pinned: false })).toBeNull();
    expect(await days({})).toBeNull();
  });

  test('is not asked of a server of one’s own', async () => {
    await days({ keeps_chats_days: 90, keeps_pinned: true }, []);
    expect(server.requests).not.toContain('GET me');
  });
});
