import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { SharedChat } from '../../../src/ui/components/SharedChat';
import { makeTrans } from '../../../src/ui/i18n';
import { HTML_PAYLOADS } from '../../payloads';
import { failure } from '../fakes/http';
import { aShared, FakeShare, HEAD, KEY, QUESTION, text } from '../fakes/shared';

let share: FakeShare;

beforeEach(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe = (): void => undefined;
      disconnect = (): void => undefined;
    }
  );
  share = new FakeShare();
});

function arrive(onLogin?: () => void): HTMLElement {
  const host = { name: 'page' as const, trans: makeTrans() };
  return render(<SharedChat rest={share.rest} shareKey={KEY} host={host} onLogin={onLogin} />).container;
}

const come = (): Promise<void> => waitFor(() => expect(share.streams).toHaveLength(1));
const told = (...messages: ReturnType<typeof aShared>[]): Promise<void> =>
  act(async () => share.tell(HEAD, { type: 'messages', after: null, items: messages, next: null }));

describe('a shared chat', () => {
  test('shows who asked what, and the answer as it grows, and offers nothing but to copy', async () => {
    arrive();
    await come();
    await told(QUESTION, aShared({ id: 'a', status: 'streaming', parts: text('Two ') }));
    expect((await screen.findByRole('heading', { level: 1 })).textContent).toBe('Moons');
    expect(screen.getByText(/Shared by .*Ada.*, to be read only/)).toBeDefined();
    const log = screen.getByRole('log');
    expect(within(log).getByRole('article', { name: 'Ada' }).textContent).toContain('How many?');
    await act(async () => {
      share.say('**moons**');
      share.finish();
    });
    expect((await within(log).findByText('moons')).tagName).toBe('STRONG');
    const buttons = screen.getAllByRole('button').map(button => button.getAttribute('aria-label'));
    expect(new Set(buttons)).toEqual(new Set(['Copy']));
    expect(screen.queryByRole('textbox')).toBeNull();
  });

  test('tells a screen reader what an answer says once it has ended', async () => {
    arrive();
    await come();
    await told(QUESTION, aShared({ id: 'a', status: 'streaming' }));
    expect(await screen.findByText('The answer is on its way …')).toBeDefined();
    await act(async () => {
      share.say('Two moons');
      share.finish();
    });
    const said = (): string[] => screen.getAllByRole('status').map(each => each.textContent ?? '');
    await waitFor(() => expect(said()).toContain('Two moons'));
  });

  test('is walked through by keyboard', async () => {
    arrive();
    await come();
    await told(QUESTION, aShared({ id: 'a', parts: text('Two') }));
    const user = userEvent.setup();
    (await screen.findByRole('log')).focus();
    await user.keyboard('{Alt>}{ArrowUp}{/Alt}');
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Answer of tiny');
    await user.keyboard('{Alt>}{ArrowUp}{/Alt}');
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Ada');
  });

  test('that ends stays to be read, and says so', async () => {
    arrive();
    await come();
    await told(QUESTION);
    await act(async () => {
      share.tell({ type: 'end' });
      share.streams[0].end();
    });
    expect(await screen.findByText(/not shared any more/)).toBeDefined();
    expect(screen.getByText('How many?')).toBeDefined();
  });

  test('that is not there offers a login where there may be more behind one', async () => {
    share.refusal = () => failure('not_found', 404);
    const login = vi.fn();
    arrive(login);
    await userEvent.click(await screen.findByRole('button', { name: 'Log in' }));
    expect(login).toHaveBeenCalledOnce();
  });

  test('that is not there for somebody who is logged in is not there', async () => {
    share.refusal = () => failure('not_found', 404);
    arrive();
    expect((await screen.findByRole('alert')).textContent).toContain('nothing to read here');
    expect(screen.queryByRole('button')).toBeNull();
  });

  test('gets earlier messages by a button', async () => {
    arrive();
    await come();
    await act(async () => share.tell(HEAD, { type: 'messages', after: null, items: [QUESTION], next: 'c' }));
    share.http.on(`GET shared/${KEY}`, { messages: [aShared({ id: 'e', parts: text('Before') })], next: null });
    await userEvent.click(await screen.findByRole('button', { name: 'Earlier messages' }));
    expect(await screen.findByText('Before')).toBeDefined();
    expect(screen.queryByRole('button', { name: 'Earlier messages' })).toBeNull();
  });

  test.each(HTML_PAYLOADS.slice(0, 12))('runs nothing of what others wrote: %s', async payload => {
    const container = arrive();
    await come();
    await act(async () =>
      share.tell({ ...HEAD, title: payload, shared_by: payload } as typeof HEAD, {
        type: 'messages',
        after: null,
        items: [{ ...QUESTION, parts: text(payload) }],
        next: null
      })
    );
    await screen.findByRole('log');
    expect(container.querySelector('script, img, svg:not(.aichat-icon), iframe, style, [onerror]')).toBeNull();
  });
});
