import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ChatApp } from '../../../src/ui/components/ChatApp';
import { makeTrans } from '../../../src/ui/i18n';
import { FakeServer } from '../fakes/server';
import { Person } from '../fakes/person';
import { aChat } from '../fakes/values';

let server: FakeServer;
let person: Person;

beforeEach(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe = (): void => undefined;
      disconnect = (): void => undefined;
    }
  );
  HTMLElement.prototype.showPopover = function (this: HTMLElement) {
    this.dispatchEvent(Object.assign(new Event('toggle'), { newState: 'open' }));
  };
  HTMLElement.prototype.hidePopover = function (this: HTMLElement) {
    this.dispatchEvent(Object.assign(new Event('toggle'), { newState: 'closed' }));
  };
  server = new FakeServer();
  for (const id of ['Zebra', 'Quasar']) {
    server.chats.set(id, aChat({ id, title: id }));
  }
});

afterEach(() => person.leave());

async function arrive(chatId: string | null = null): Promise<void> {
  person = new Person(server, { chatId });
  render(<ChatApp model={person.model} host={{ name: 'page', trans: makeTrans() }} />);
  await screen.findByRole('button', { name: 'Actions for “Zebra”' });
}

const list = (): HTMLElement => screen.getByRole('navigation', { name: 'Chats' });
const pinned = (): string[] => {
  const region = within(list()).queryByRole('region', { name: 'Pinned' });
  return region
    ? within(region)
        .getAllByRole('listitem')
        .map(item => item.textContent ?? '')
    : [];
};
const actions = (title: string): HTMLElement => screen.getByRole('button', { name: `Actions for “${title}”` });

/** By its text, since jsdom shows no popover. */
const inMenu = (item: RegExp): HTMLElement =>
  screen.getAllByRole('menuitem', { hidden: true }).find(each => item.test(each.textContent ?? ''))!;

async function choose(title: string, item: RegExp): Promise<void> {
  act(() => actions(title).focus());
  await userEvent.keyboard('{Enter}');
  act(() => inMenu(item).focus());
  await userEvent.keyboard('{Enter}');
}

describe('the list', () => {
  test('shows a pinned chat under a heading of its own, and the keyboard and who listens go along', async () => {
    await arrive();
    await choose('Zebra', /^Pin$/);
    expect(pinned()).toEqual(['Zebra']);
    expect(document.activeElement).toBe(actions('Zebra'));
    within(list()).getByText('“Zebra” is pinned.');
    await waitFor(() => expect(server.chats.get('Zebra')!.pinned).toBe(true));
    await choose('Zebra', /^Unpin$/);
    expect(pinned()).toEqual([]);
    expect(document.activeElement).toBe(actions('Zebra'));
    await waitFor(() => expect(server.chats.get('Zebra')!.pinned).toBe(false));
  });

  test('keeps the keyboard when a chat is deleted: on the one that stands there then', async () => {
    let before: Element | null = null;
    HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
      before = document.activeElement;
      this.open = true;
    };
    HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
      this.open = false;
      (before as HTMLElement | null)?.focus();
    };
    await arrive();
    await choose('Zebra', /^Delete/);
    await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Actions for “Zebra”' })).toBeNull());
    expect(document.activeElement).toBe(actions('Quasar'));
  });

  test('says that a chat could not be pinned, which is where it was', async () => {
    await arrive();
    server.down = true;
    await choose('Zebra', /^Pin$/);
    expect((await within(list()).findByRole('alert')).textContent).toBe('“Zebra” could not be pinned. Try again.');
    expect(pinned()).toEqual([]);
    expect(document.activeElement).toBe(actions('Zebra'));
  });

  test('says what pinning means where other chats go', async () => {
    server.scopes = ['chats:write'];
    server.keeps = { keeps_chats_days: 90, keeps_pinned: true };
    await arrive();
    await waitFor(() => expect(person.model.keeping.days.get()).toBe(90));
    await choose('Zebra', /^Pin\s*kept for good, not for 90 days$/);
    await choose('Zebra', /^Unpin\s*then kept for 90 days$/);
    expect(pinned()).toEqual([]);
  });
});

describe('the header', () => {
  test('pins the open chat', async () => {
    await arrive('Zebra');
    await screen.findByRole('heading', { name: 'Zebra' });
    await userEvent.click(screen.getByRole('button', { name: 'More' }));
    await userEvent.click(inMenu(/^Pin$/));
    expect(pinned()).toEqual(['Zebra']);
    await waitFor(() => expect(person.model.current.get().chat?.pinned).toBe(true));
    await userEvent.click(screen.getByRole('button', { name: 'More' }));
    expect(inMenu(/^Unpin$/)).toBeDefined();
  });

  test('gives the keyboard back to the title that was written anew, and says where that failed', async () => {
    await arrive('Zebra');
    const heading = await screen.findByRole('heading', { name: 'Zebra' });
    await userEvent.click(within(heading).getByRole('button'));
    server.down = true;
    await userEvent.keyboard('Okapi{Enter}');
    expect(document.activeElement).toBe(within(screen.getByRole('heading', { name: 'Zebra' })).getByRole('button'));
    expect((await screen.findByRole('alert')).textContent).toBe('The title could not be changed. Try again.');
  });
});
