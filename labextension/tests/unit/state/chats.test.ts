import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../../src/ui/client/errors';
import { FakeServer } from '../fakes/server';
import { pass, Person } from '../fakes/person';
import { aChat, aMessage } from '../fakes/values';

let server: FakeServer;
const people: Person[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
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

/** A chat with a question and its answer. */
async function aTalk(person: Person, question = 'Q', answer = 'A'): Promise<string> {
  person.model.send(question);
  await pass();
  server.say(server.newestRun, answer);
  server.finish(server.newestRun);
  await pass();
  return person.chatId!;
}

const titles = (person: Person): string[] => person.model.chats.get().items.map(chat => chat.title);

describe('the list', () => {
  test('is searched by title; an answer that a later question has overtaken is dropped', async () => {
    const person = await aPerson();
    for (const title of ['Alpha', 'Beta', 'Alphabet']) {
      server.chats.set(title, aChat({ id: title, title }));
    }
    void person.model.searchChats('alph');
    await person.model.searchChats('beta');
    await pass();
    expect(titles(person)).toEqual(['Beta']);
    expect(person.model.chats.get()).toMatchObject({ query: 'beta', status: 'ready' });
  });

  test('says when it cannot be read, keeps what it had, and reads again when connected', async () => {
    const person = await aPerson();
    await aTalk(person);
    server.down = true;
    await person.model.reloadChats();
    expect(person.model.chats.get().status).toBe('error');
    expect(titles(person)).toEqual(['Q']);
    server.down = false;
    server.cut();
    await pass(5_000);
    expect(person.model.chats.get().status).toBe('ready');
  });

  test('is told of what others do', async () => {
    const [one, two] = [await aPerson(), await aPerson()];
    const id = await aTalk(one);
    await pass(1_000);
    expect(titles(two)).toEqual(['Q']);
    await two.model.renameChat(id, 'Renamed');
    await pass(1_000);
    expect(titles(one)).toEqual(['Renamed']);
    expect(one.model.current.get().chat?.title).toBe('Renamed');
  });

  test('many changes at once are one look', async () => {
    await aPerson();
    const before = server.requests.filter(request => request.startsWith('GET chats?')).length;
    for (let i = 0; i < 50; i++) {
      server.change({ chat_id: 'x', change: 'updated' });
    }
    await pass(1_000);
    expect(server.requests.filter(request => request.startsWith('GET chats?'))).toHaveLength(before + 1);
  });

  test('a deleted chat does not come back with an answer that was under way', async () => {
    const person = await aPerson();
    const id = await aTalk(person);
    await person.model.deleteChat(id);
    server.chats.set(id, aChat({ id, title: 'as it was a moment ago' }));
    await person.model.reloadChats();
    expect(titles(person)).toEqual([]);
  });
});

describe('a chat', () => {
  test('is opened with its messages, on its newest branch', async () => {
    const id = await aTalk(await aPerson());
    const person = await aPerson(id);
    expect(person.sees).toEqual(['user completed: Q', 'assistant completed: A']);
  });

  test('with an answer under way goes on streaming', async () => {
    const one = await aPerson();
    one.model.send('Q');
    await pass();
    server.say(server.newestRun, 'be');
    const two = await aPerson(one.chatId);
    expect(two.sees[1]).toBe('assistant streaming: be');
    server.say(server.newestRun, 'fore');
    server.finish(server.newestRun);
    await pass();
    expect(two.sees[1]).toBe('assistant completed: before');
    expect(one.sees).toEqual(two.sees);
  });

  test('of many pages is read whole', async () => {
    server.chats.set('c', aChat({ active_leaf: 'm449' }));
    for (let i = 0; i < 450; i++) {
      const role = i % 2 ? 'assistant' : 'user';
      const parent = i ? `m${i - 1}` : null;
      server.messages.set(
        `m${i}`,
        aMessage({ id: `m${i}`, parent_id: parent, n: i + 1, role, parts: [{ type: 'text', text: `${i}` }] })
      );
    }
    const person = await aPerson('c');
    await pass(1_000);
    expect(person.views).toHaveLength(450);
    expect(person.views[0].id).toBe('m0');
  });

  test('that cannot be read says so, and Retry reads it', async () => {
    const id = await aTalk(await aPerson());
    server.down = true;
    const person = await aPerson(id);
    expect(person.model.current.get()).toMatchObject({ status: 'error', error: { code: 'network' } });
    server.down = false;
    await person.model.openChat(id);
    expect(person.views).toHaveLength(2);
  });

  test('that was opened while another was loading is the one that is shown', async () => {
    const person = await aPerson();
    const first = await aTalk(person, 'one');
    person.model.newChat();
    const second = await aTalk(person, 'two');
    void person.model.openChat(first);
    void person.model.openChat(second);
    await pass();
    expect(person.sees[0]).toBe('user completed: two');
  });

  test('that is not there any more makes room for a new one, and its host is told', async () => {
    const told: (string | null)[] = [];
    const person = new Person(server, { chatId: 'gone', onChatId: id => told.push(id) });
    people.push(person);
    await pass();
    expect(person.model.current.get()).toMatchObject({ chatId: null, status: 'empty' });
    expect(told).toEqual(['gone', null]);
  });

  test('deleted elsewhere while it is open is left', async () => {
    const [one, two] = [await aPerson(), await aPerson()];
    const id = await aTalk(one);
    two.model.setDraft('kept');
    await two.model.openChat(id);
    two.model.setDraft('about the chat that goes');
    await one.model.deleteChat(id);
    await pass(1_000);
    expect(two.chatId).toBeNull();
    expect(two.sees).toEqual([]);
    expect(two.model.draft.get()).toBe('kept');
    expect(titles(two)).toEqual([]);
  });

  test('deleted in two places at once is no error', async () => {
    const person = await aPerson();
    const id = await aTalk(person);
    server.chats.delete(id);
    await person.model.deleteChat(id);
    expect(titles(person)).toEqual([]);
    expect(person.chatId).toBeNull();
  });

  test('whose deletion fails stays', async () => {
    const person = await aPerson();
    const id = await aTalk(person);
    server.down = true;
    await expect(person.model.deleteChat(id)).rejects.toBeInstanceOf(ApiError);
    expect(titles(person)).toEqual(['Q']);
    expect(person.chatId).toBe(id);
  });
});

describe('two tabs', () => {
  test('see the same answer, wherever it was asked for', async () => {
    const one = await aPerson();
    const id = await aTalk(one);
    const two = await aPerson(id);
    two.model.send('more');
    await pass();
    server.say(server.newestRun, 'yes');
    await pass();
    expect(one.sees).toEqual(two.sees);
    expect(one.sees.at(-1)).toBe('assistant streaming: yes');
  });

  test('see the rest of an answer that the other asked for', async () => {
    const one = await aPerson();
    const id = await aTalk(one, 'Q', 'first');
    server.messages.set(one.last.id, { ...server.messages.get(one.last.id)!, status: 'stopped' });
    const two = await aPerson(id);
    two.model.continueMessage(two.last.id);
    await pass();
    server.say(server.newestRun, ' and rest');
    server.finish(server.newestRun);
    await pass();
    expect(one.sees.at(-1)).toBe('assistant completed: first and rest');
  });

  test('stay on their branch while they read an answer that is being written', async () => {
    const one = await aPerson();
    const id = await aTalk(one);
    one.model.send('long one');
    await pass();
    const shown = one.sees;
    server.post({ type: 'edit', chat_id: id, message_id: one.views[0].id, text: 'other' });
    await pass();
    expect(one.sees).toEqual(shown);
    expect(one.model.siblings(one.views[0].id)).toHaveLength(2);
  });

  test('go along to what was asked elsewhere while they are idle', async () => {
    const one = await aPerson();
    const id = await aTalk(one);
    server.post({ type: 'edit', chat_id: id, message_id: one.views[0].id, text: 'other' });
    await pass();
    expect(one.sees).toEqual(['user completed: other', 'assistant pending: ']);
  });

  test('catch up with what they missed', async () => {
    const one = await aPerson();
    const id = await aTalk(one);
    server.cut();
    server.post({ type: 'send', chat_id: id, parent_id: one.last.id, text: 'from a cell' });
    server.say(server.newestRun, 'seen later');
    await pass(5_000);
    expect(one.sees.slice(2)).toEqual(['user completed: from a cell', 'assistant streaming: seen later']);
    server.finish(server.newestRun);
    await pass();
    expect(one.sees.at(-1)).toBe('assistant completed: seen later');
  });

  test('hear of a message even if it could not be read at once', async () => {
    const one = await aPerson();
    const id = await aTalk(one);
    const request = vi.spyOn(server as unknown as { answer(): unknown }, 'answer').mockImplementation(() => {
      throw new ApiError('store_unavailable', 'The store is away.', {}, 503);
    });
    server.post({ type: 'send', chat_id: id, parent_id: one.last.id, text: 'from a cell' });
    await pass(1_000);
    request.mockRestore();
    await pass(15_000);
    expect(one.sees.at(2)).toBe('user completed: from a cell');
  });
});

describe('drafts', () => {
  test('belong to their chat', async () => {
    const person = await aPerson();
    const id = await aTalk(person);
    person.model.setDraft('for this chat');
    person.model.newChat();
    expect(person.model.draft.get()).toBe('');
    person.model.setDraft('for a new one');
    await person.model.openChat(id);
    expect(person.model.draft.get()).toBe('for this chat');
    person.model.newChat();
    expect(person.model.draft.get()).toBe('for a new one');
  });

  test('survive a reload of the page', async () => {
    const person = await aPerson();
    const id = await aTalk(person);
    person.model.setDraft('kept');
    expect((await aPerson(id)).model.draft.get()).toBe('kept');
  });

  test('typed while a first question is on its way belong to the chat that it begins', async () => {
    const person = await aPerson();
    person.model.send('Q');
    person.model.setDraft('next');
    await pass();
    expect(person.model.draft.get()).toBe('next');
    const id = person.chatId;
    person.model.newChat();
    expect(person.model.draft.get()).toBe('');
    await person.model.openChat(id);
    expect(person.model.draft.get()).toBe('next');
  });

  test('live as long as the page where nothing can be stored', async () => {
    const person = await aPerson();
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    person.model.setDraft('kept');
    await person.model.openChat(await aTalk(await aPerson()));
    person.model.newChat();
    expect(person.model.draft.get()).toBe('kept');
  });
});
