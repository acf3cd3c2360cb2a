import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ModelsReply } from '../../../src/ui/protocol.generated';
import { FakeServer } from '../fakes/server';
import { pass, Person } from '../fakes/person';
import { aChat, aModel, MODELS } from '../fakes/values';

const AWAY: ModelsReply = {
  items: [aModel('demo', { provider: 'scripted', demo: true })],
  next: null,
  default: 'demo',
  providers: [
    {
      name: 'ollama',
      state: 'unreachable',
      error: {
        code: 'provider_unreachable',
        message: 'Ollama is not running. Start it with `ollama serve`.',
        details: {}
      }
    }
  ]
};

let server: FakeServer;
let person: Person;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});

afterEach(() => {
  person.leave();
  vi.useRealTimers();
});

async function arrive(chatId: string | null = null): Promise<void> {
  person = new Person(server, { chatId });
  await pass();
}

const asked = (): (string | null | undefined)[] =>
  server.received.flatMap(frame => (frame.type === 'send' ? [frame.model] : []));

test('the models appear by themselves when Ollama does, and the demo gives way', async () => {
  server.models = AWAY;
  await arrive();
  person.model.selectModel('demo');
  expect(person.model.modelName()).toBe('demo');
  server.models = MODELS;
  await pass(3_100);
  expect(person.model.models.get()).toMatchObject({ selected: null, default: 'tiny' });
  expect(person.model.modelName()).toBe('tiny');
});

test('a chat that was begun with the demo goes on with the default', async () => {
  server.chats.set('c', aChat({ model: 'demo' }));
  await arrive('c');
  expect(person.model.modelName()).toBe('tiny');
  person.model.send('Q');
  await pass();
  expect(asked()).toEqual(['tiny']);
});

test('the demo never takes the place of a real model that is away', async () => {
  server.models = AWAY;
  server.chats.set('c', aChat({ model: 'large' }));
  await arrive('c');
  expect(person.model.modelName()).toBe('large');
  person.model.send('Q');
  await pass();
  expect(asked()).toEqual([null]);
});

test('a chat answers with its own model until another is chosen', async () => {
  server.chats.set('c', aChat({ model: 'large:latest' }));
  server.models = { ...MODELS, items: [aModel('tiny'), aModel('large:latest')] };
  await arrive('c');
  expect(person.model.modelName()).toBe('large:latest');
  person.model.selectModel('tiny');
  person.model.send('Q');
  await pass();
  expect(asked()).toEqual(['tiny']);
});

test('a choice is of one chat, and of the new ones after it', async () => {
  server.chats.set('c', aChat({ model: 'tiny' }));
  await arrive();
  person.model.selectModel('large');
  person.model.newChat();
  expect(person.model.modelName()).toBe('large');
  await person.model.openChat('c');
  expect(person.model.modelName()).toBe('tiny');
});

test('a choice survives that its provider is away for a while', async () => {
  await arrive();
  person.model.selectModel('large');
  server.models = AWAY;
  await person.model.refreshModels();
  expect(person.model.models.get().selected).toBeNull();
  server.models = MODELS;
  await pass(3_100);
  expect(person.model.models.get().selected).toBe('large');
});

test('nothing is asked while all is well, nor while the page is hidden', async () => {
  await arrive();
  const count = (): number => server.requests.filter(request => request === 'GET models').length;
  const before = count();
  await pass(30_000);
  expect(count()).toBe(before);
  server.models = AWAY;
  await person.model.refreshModels();
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  await pass(30_000);
  expect(count()).toBe(before + 1);
});

test('a change of the service is a reason to look', async () => {
  await arrive();
  server.models = AWAY;
  const parts = { store: 'ok', bus: 'ok', cache: 'ok', provider: 'down' } as const;
  server.broadcast({ type: 'service', status: 'degraded', parts });
  await pass();
  expect(person.model.service.get()).toEqual({ status: 'degraded', parts });
  expect(person.model.models.get().providers[0].state).toBe('unreachable');
});

test('a list that cannot be read is told, and read again by itself', async () => {
  server.down = true;
  await arrive();
  expect(person.model.models.get()).toMatchObject({ status: 'error', error: { code: 'network' } });
  server.down = false;
  await pass(3_100);
  expect(person.model.models.get()).toMatchObject({ status: 'ready', error: null });
});
