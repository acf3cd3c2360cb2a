import { act, render } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useCell } from '../../../src/ui/state/cell';
import type { ChatModel } from '../../../src/ui/state/model';
import { FakeServer } from '../fakes/server';
import { pass, Person } from '../fakes/person';
import { aChat, aMessage } from '../fakes/values';

const BEFORE = 200;
let server: FakeServer;
let person: Person;
const renders = new Map<string, number>();
let lists = 0;

const One = React.memo(function One({ model, id }: { model: ChatModel; id: string }): React.ReactElement {
  const cell = React.useMemo(() => model.message(id), [model, id]);
  const view = useCell(cell);
  renders.set(id, (renders.get(id) ?? 0) + 1);
  return <p>{view?.status}</p>;
});

function List({ model }: { model: ChatModel }): React.ReactElement {
  const { path } = useCell(model.current);
  lists += 1;
  return (
    <>
      {path.map(id => (
        <One key={id} model={model} id={id} />
      ))}
    </>
  );
}

beforeEach(async () => {
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'Date',
      'performance',
      'requestAnimationFrame'
    ]
  });
  server = new FakeServer();
  server.chats.set('c', aChat({ active_leaf: `m${BEFORE - 1}` }));
  for (let i = 0; i < BEFORE; i++) {
    const role = i % 2 ? 'assistant' : 'user';
    server.messages.set(`m${i}`, aMessage({ id: `m${i}`, parent_id: i ? `m${i - 1}` : null, n: i + 1, role }));
  }
  person = new Person(server, { chatId: 'c' });
  await pass(1_000);
  render(<List model={person.model} />);
  await act(() => {
    person.model.send('Q');
    return pass();
  });
  renders.clear();
  lists = 0;
});

afterEach(() => {
  person.leave();
  vi.useRealTimers();
});

test('a thousand deltas render one message, once a frame, and no other', async () => {
  const run = server.newestRun;
  await act(async () => {
    for (let i = 0; i < 1_000; i++) {
      server.say(run, `word${i} `);
      await pass(5);
    }
  });
  const id = person.last.id;
  expect([...renders.keys()]).toEqual([id]);
  expect(renders.get(id)).toBeGreaterThan(100);
  expect(renders.get(id)).toBeLessThanOrEqual(5_000 / 16 + 2);
  expect(lists).toBe(0);
});

test('in a hidden tab the text is rendered now and then, and nothing is lost', async () => {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  const run = server.newestRun;
  await act(async () => {
    for (let i = 0; i < 1_000; i++) {
      server.say(run, '.');
      await pass(5);
    }
    await pass(1_000);
  });
  expect(renders.get(person.last.id)).toBeLessThanOrEqual(12);
  const [part] = person.last.parts;
  expect(part.kind === 'text' && part.stream.blocks.map(block => block.raw).join('')).toBe('.'.repeat(1_000));
});

test('the end of an answer renders one message', async () => {
  await act(async () => {
    server.finish(server.newestRun);
    await pass();
  });
  expect([...renders.keys()]).toEqual([person.last.id]);
});
