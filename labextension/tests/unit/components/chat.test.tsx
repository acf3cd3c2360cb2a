import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../../src/ui/client/errors';
import { ChatApp } from '../../../src/ui/components/ChatApp';
import type { Host } from '../../../src/ui/host';
import { makeTrans } from '../../../src/ui/i18n';
import type { ModelsReply } from '../../../src/ui/protocol.generated';
import { HTML_PAYLOADS } from '../../payloads';
import { FakeServer } from '../fakes/server';
import { Person } from '../fakes/person';
import { aChat, aMessage, aModel, MODELS } from '../fakes/values';

let server: FakeServer;
let person: Person | undefined;

beforeEach(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe = (): void => undefined;
      disconnect = (): void => undefined;
    }
  );
  vi.stubGlobal('CSS', { escape: (text: string) => text });
  server = new FakeServer();
});

afterEach(() => person?.leave());

function arrive(chatId: string | null = null, host: Partial<Host> = {}): HTMLElement {
  person = new Person(server, { chatId });
  return render(<ChatApp model={person.model} host={{ name: 'page', trans: makeTrans(), ...host }} />).container;
}

const box = (): HTMLElement => screen.getByRole('textbox', { name: 'Message' });
const answer = (text: string): Promise<unknown> =>
  act(async () => {
    server.say(server.newestRun, text);
    server.finish(server.newestRun);
  });
const sent = (): string[] => server.received.flatMap(frame => (frame.type === 'send' ? [frame.text ?? ''] : []));
const asked = (): Promise<void> => waitFor(() => expect(server.logs.size).toBeGreaterThan(0));

describe('the keyboard', () => {
  const AWAY: ModelsReply = {
    ...MODELS,
    items: [{ ...aModel('demo'), demo: true }],
    default: null,
    providers: [{ name: 'ollama', state: 'unreachable', error: null }]
  };

  test('is in the box once the demo is chosen', async () => {
    server.models = AWAY;
    arrive();
    await userEvent.click(await screen.findByRole('button', { name: 'Use the demo model' }));
    expect(screen.queryByRole('button', { name: 'Use the demo model' })).toBeNull();
    expect(document.activeElement).toBe(box());
  });

  test('is in the box once models are there after all', async () => {
    server.models = AWAY;
    arrive();
    const retry = await screen.findByRole('button', { name: 'Retry' });
    server.models = MODELS;
    await userEvent.click(retry);
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull());
    expect(document.activeElement).toBe(box());
  });

  test('is in the box once an example was asked', async () => {
    arrive();
    await userEvent.click(within(screen.getByRole('list', { name: 'Examples' })).getAllByRole('button')[0]);
    await screen.findByRole('log');
    expect(document.activeElement).toBe(box());
  });

  test('stays where it is when the demo gives way to a model', async () => {
    server.models = AWAY;
    arrive();
    await userEvent.click(await screen.findByRole('button', { name: 'Use the demo model' }));
    await userEvent.type(box(), 'Why');
    server.models = MODELS;
    await act(() => person!.model.refreshModels());
    await userEvent.keyboard('?');
    expect(box()).toHaveProperty('value', 'Why?');
    screen.getByRole('button', { name: 'Chats' }).focus();
    server.models = AWAY;
    await act(() => person!.model.refreshModels());
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Chats' }));
  });
});

describe('the box', () => {
  test('sends with Enter, and the answer streams as Markdown', async () => {
    arrive();
    await userEvent.type(box(), 'Why?{Enter}');
    await within(await screen.findByRole('log')).findByText('Why?');
    expect(box()).toHaveProperty('value', '');
    await asked();
    await answer('Because **of this**.');
    expect((await screen.findByText('of this')).tagName).toBe('STRONG');
  });

  test('makes a new line with Shift+Enter', async () => {
    arrive();
    await userEvent.type(box(), 'one{Shift>}{Enter}{/Shift}two{Enter}');
    await waitFor(() => expect(sent()).toEqual(['one\ntwo']));
  });

  test('takes Ctrl+Enter where Enter makes a new line', async () => {
    arrive(null, { sendKey: 'mod-enter' });
    await userEvent.type(box(), 'one{Enter}two{Control>}{Enter}{/Control}');
    await waitFor(() => expect(sent()).toEqual(['one\ntwo']));
  });

  test('does not send while an input method is at work', async () => {
    arrive();
    await userEvent.type(box(), 'にほん');
    fireEvent.keyDown(box(), { key: 'Enter', isComposing: true });
    fireEvent.keyDown(box(), { key: 'Enter', keyCode: 229 });
    expect(person!.sees).toEqual([]);
    expect(box()).toHaveProperty('value', 'にほん');
  });

  test('keeps what is typed while an answer is written', async () => {
    arrive();
    await userEvent.type(box(), 'one{Enter}');
    await asked();
    await screen.findByRole('button', { name: 'Stop' });
    await userEvent.type(box(), 'two{Enter}');
    expect(box()).toHaveProperty('value', 'two');
    await answer('done');
    await userEvent.type(box(), '{Enter}');
    await waitFor(() => expect(sent()).toEqual(['one', 'two']));
  });

  test('edits the last question with ↑ when it is empty', async () => {
    arrive();
    await userEvent.type(box(), 'one{Enter}');
    await asked();
    await answer('done');
    await userEvent.type(box(), '{ArrowUp}');
    const edit = await screen.findByRole('textbox', { name: 'Edit the question' });
    await userEvent.type(edit, ' more{Enter}');
    await screen.findByText('one more');
    await screen.findByText('2/2');
  });
});

describe('an answer under way', () => {
  test.each(['the button', 'Escape'])('is stopped by %s', async by => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    const stop = await screen.findByRole('button', { name: 'Stop' });
    await (by === 'Escape' ? userEvent.type(box(), '{Escape}') : userEvent.click(stop));
    await screen.findByText('Stopped');
    await screen.findByRole('button', { name: 'Continue' });
  });
});

describe('an answer that another server went on with', () => {
  test('says so, and when', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    const message = server.messages.get(server.logs.get(server.newestRun)!.run.message_id)!;
    const at = '2026-01-01T10:00:00Z';
    server.messages.set(message.id, { ...message, continuations: [{ part: 0, offset: 3, at, cause: 'takeover' }] });
    await act(async () => server.takeOver(server.newestRun));
    const line = await screen.findByText('continued');
    expect(line.title).toContain(new Date(at).toLocaleTimeString());
  });

  test('but not where the person went on', async () => {
    server.chats.set('c', aChat({ active_leaf: 'm' }));
    const parts = [{ type: 'text' as const, text: 'one two' }];
    const continuations = [{ part: 0, offset: 3, at: '2026-01-01T10:00:00Z', cause: 'user' as const }];
    server.messages.set('m', aMessage({ role: 'assistant', parts, continuations }));
    arrive('c');
    await screen.findByText('one two');
    expect(screen.queryByText('continued')).toBeNull();
  });
});

describe('commands by typing', () => {
  const found = (): string[] =>
    within(screen.getByRole('region', { name: 'Commands' }))
      .getAllByRole('button')
      .map(button => button.textContent ?? '');

  test('Ctrl+K, a few letters and Enter begin a new chat', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    await answer('A');
    await userEvent.type(box(), '{Control>}k{/Control}');
    await userEvent.keyboard('new ch');
    await waitFor(() => expect(found()).toEqual(['New chat']));
    await userEvent.keyboard('{Enter}');
    await waitFor(() => expect(person!.chatId).toBeNull());
    expect(screen.queryByRole('region', { name: 'Commands' })).toBeNull();
  });

  test('what an answer can do depends on whether it is being written', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    const search = screen.getByRole('searchbox');
    await userEvent.type(search, 'answer');
    await waitFor(() => expect(found()).toEqual(['Stop the answer']));
    await userEvent.click(screen.getByRole('button', { name: 'Stop the answer' }));
    await screen.findByText('Stopped');
    await userEvent.type(search, 'answer');
    await waitFor(() => expect(found()).toEqual(['Regenerate the answer']));
    await userEvent.click(screen.getByRole('button', { name: 'Regenerate the answer' }));
    await waitFor(() => expect(server.logs.size).toBe(2));
  });
});

describe('an answer that waits in line', () => {
  test('says where it stands, and can be left', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    const wait = (position: number, seconds: number | null): Promise<void> =>
      act(async () => server.emit(server.newestRun, { type: 'queue_position', position, wait: seconds, cause: null }));
    await wait(3, null);
    await screen.findByText(/Number 3 in line/);
    await wait(1, 19.6);
    await screen.findByText(/Number 1 in line, about 20 s/);
    await userEvent.click(screen.getByRole('button', { name: 'Leave' }));
    await screen.findByText('Stopped');
  });

  test('says that nobody asks the models at the moment', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    await act(async () =>
      server.emit(server.newestRun, { type: 'queue_position', position: 1, wait: null, cause: 'no_worker' })
    );
    await screen.findByText(/The models are away at the moment. Your question is kept/);
    await userEvent.click(screen.getByRole('button', { name: 'Leave' }));
    await screen.findByText('Stopped');
  });

  test('says that an answer which was begun is kept, and goes on', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    server.say(server.newestRun, 'Some');
    await screen.findByText('Some');
    await act(async () =>
      server.emit(server.newestRun, { type: 'queue_position', position: 1, wait: null, cause: 'no_worker' })
    );
    const line = (await screen.findByText(/The answer is kept, and goes on when they are back/)).closest('p');
    expect(within(line!).getByRole('button', { name: 'Stop' })).toBeTruthy();
    server.say(server.newestRun, ' more');
    await screen.findByText('Some more');
    expect(screen.queryByText(/The models are away/)).toBeNull();
  });

  test('loads the model when it is its turn', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    await act(async () =>
      server.emit(server.newestRun, { type: 'queue_position', position: 1, wait: null, cause: null })
    );
    await screen.findByText(/Number 1 in line/);
    await act(async () => server.emit(server.newestRun, { type: 'run_started' }));
    await waitFor(() => expect(screen.queryByText(/in line/)).toBeNull());
    await screen.findByText(/Loading/);
  });
});

describe('an answer that was given before', () => {
  test('says so', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    const none = { total_ms: null, load_ms: null, first_token_ms: null, tokens_per_second: null };
    const usage = { ...none, prompt_tokens: 1, completion_tokens: 2, cached: true };
    server.say(server.newestRun, 'A');
    await act(async () => server.emit(server.newestRun, { type: 'usage', usage }));
    await act(async () => server.finish(server.newestRun));
    await screen.findByText(/Answered before · 2 tokens/);
  });
});

describe('what goes wrong is said, with a way out', () => {
  test('a question that was refused can be tried again or edited', async () => {
    server.refuse = new ApiError('queue_full', 'Too many answers are being written.', {}, 503);
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await screen.findByText('Too many answers are being written.');
    server.refuse = null;
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    await screen.findByRole('button', { name: 'Stop' });
    expect(sent()).toEqual(['Q', 'Q']);
  });

  test('an answer that failed says why, and can be asked for again', async () => {
    arrive();
    await userEvent.type(box(), 'Q{Enter}');
    await asked();
    await act(async () => server.finish(server.newestRun, 'failed'));
    await screen.findByText('It broke.');
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(server.logs.size).toBe(2));
  });

  test('a chat that cannot be read can be tried again', async () => {
    server.chats.set('c', aChat({ active_leaf: 'm' }));
    server.messages.set('m', aMessage({ parts: [{ type: 'text', text: 'there' }] }));
    server.down = true;
    arrive('c');
    const state = await screen.findByText('This chat cannot be read right now.');
    server.down = false;
    await userEvent.click(within(state.parentElement!).getByRole('button', { name: 'Retry' }));
    await screen.findByText('there');
  });

  test('a refused connection says so, and can be tried again', async () => {
    arrive();
    await waitFor(() => expect(person!.model.connection.get().state).toBe('online'));
    act(() => server.cut(4403));
    const retry = await screen.findByRole('button', { name: 'Retry' });
    await userEvent.click(retry);
    await waitFor(() => expect(person!.model.connection.get().state).toBe('online'));
  });
});

test('hostile text is only text, wherever it stands: titles, questions, model names, errors', async () => {
  const names = HTML_PAYLOADS.filter(payload => payload.length < 200);
  for (const [i, name] of names.entries()) {
    server.chats.set(`c${i}`, aChat({ id: `c${i}`, title: name }));
  }
  const hostile = names.join(' ');
  server.models = {
    ...MODELS,
    items: names.map(name => aModel(name)),
    default: names[0],
    providers: [
      { name: hostile, state: 'unreachable', error: { code: 'provider_unreachable', message: hostile, details: {} } }
    ]
  };
  const error = { code: hostile, message: hostile, details: { hint: hostile } };
  server.chats.set('c', aChat({ title: hostile, model: hostile, active_leaf: 'a' }));
  server.messages.set('q', aMessage({ id: 'q', n: 1, parts: [{ type: 'text', text: hostile }] }));
  const call = { type: 'tool_call' as const, id: hostile, name: hostile, arguments: { x: hostile } };
  server.messages.set(
    'a',
    aMessage({
      id: 'a',
      parent_id: 'q',
      n: 2,
      role: 'assistant',
      status: 'failed',
      model: hostile,
      parts: [call],
      error
    })
  );
  const root = arrive('c');
  await waitFor(() => expect(root.textContent).toContain('<script>pwned()</script>'));
  const found = [...root.querySelectorAll('*')].filter(
    element =>
      /^(?:SCRIPT|IFRAME|OBJECT|EMBED|STYLE|LINK|META|BASE|IMG|FORM|MATH|X-EVIL)$/i.test(element.tagName) &&
      !element.classList.contains('aichat-composer')
  );
  expect(found).toEqual([]);
  expect(root.querySelector('[onerror], [onclick], [onload], [data-commandlinker-command], [href], [src]')).toBeNull();
});

test('what a tool is asked for is laid out, unless it is nested so deep that the indents were most of it', async () => {
  let deep: unknown = 1;
  for (let i = 0; i < 900; i++) {
    deep = { a: deep };
  }
  server.chats.set('c', aChat({ active_leaf: 'a' }));
  server.messages.set('q', aMessage({ id: 'q', n: 1, parts: [{ type: 'text', text: 'hi' }] }));
  const parts = [{ flat: 1 }, { deep }].map((args, i) => ({
    type: 'tool_call' as const,
    id: `t${i}`,
    name: 'tool',
    arguments: args
  }));
  server.messages.set('a', aMessage({ id: 'a', parent_id: 'q', n: 2, role: 'assistant', status: 'completed', parts }));
  const root = arrive('c');
  await waitFor(() => expect(root.querySelectorAll('.aichat-fold pre')).toHaveLength(2));
  const [flat, nested] = [...root.querySelectorAll('.aichat-fold pre')].map(each => each.textContent ?? '');
  expect(flat).toBe('{\n "flat": 1\n}');
  expect(nested.length).toBe(JSON.stringify({ deep }).length);
});
