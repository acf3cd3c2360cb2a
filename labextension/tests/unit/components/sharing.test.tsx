import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from '../../../src/ui/client/errors';
import type { Method } from '../../../src/ui/client/transport';
import { ChatContext, HostContext, type Chatting } from '../../../src/ui/components/context';
import { ReceivedDialog } from '../../../src/ui/components/ReceivedDialog';
import { ShareDialog } from '../../../src/ui/components/ShareDialog';
import { useCanShare } from '../../../src/ui/components/useCanShare';
import type { Host } from '../../../src/ui/host';
import { makeTrans } from '../../../src/ui/i18n';
import type { NewShareBody, ShareReply } from '../../../src/ui/protocol.generated';
import { Value } from '../../../src/ui/state/cell';
import { Shares } from '../../../src/ui/state/shares';

let shares: ShareReply[];
let asked: [Method, string, unknown][];
let refuse: ApiError | null;

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
    this.open = false;
  };
  [shares, asked, refuse] = [[], [], null];
});

const CREATED = '2026-11-24T12:00:00Z';

async function ask(method: Method, path: string, body?: unknown): Promise<unknown> {
  asked.push([method, path, body]);
  if (refuse) {
    throw refuse;
  }
  if (path === 'shared') {
    return {
      items: [{ id: 's7', title: 'Stars', shared_by: 'Eve', created_at: CREATED, expires_at: null }],
      next: null
    };
  }
  if (method === 'POST') {
    const { with: name = null } = body as NewShareBody;
    const share = { id: `s${shares.length}`, with: name, created_at: CREATED, expires_at: null };
    shares = [share, ...shares];
    return { ...share, token: name === null ? 'aichat-share_t' : null };
  }
  if (method === 'DELETE') {
    shares = shares.filter(({ id }) => !path.endsWith(id));
    return undefined;
  }
  return { items: shares, next: null };
}

const HOST: Host = { name: 'page', trans: makeTrans(), sharedUrl: key => `https://chat.example.org/shared/${key}` };

function inside(children: React.ReactNode, scopes: string[] = ['chats:write'], host = HOST): React.ReactElement {
  const principal = new Value({ owner_id: 'o', name: 'ada', display_name: 'Ada', roles: ['user'], scopes });
  const model = { shares: new Shares(ask), principal } as unknown as Chatting['model'];
  return (
    <ChatContext.Provider value={{ model, host }}>
      <HostContext.Provider value={host}>{children}</HostContext.Provider>
    </ChatContext.Provider>
  );
}

const open = async (): Promise<void> => {
  await act(async () => void render(inside(<ShareDialog open chatId="c" onClose={() => undefined} />)));
};

describe('sharing', () => {
  test('makes a link for a week, shown once, and revokes it', async () => {
    await open();
    await userEvent.click(screen.getByRole('button', { name: 'Make a link' }));
    expect(asked.find(([method]) => method === 'POST')).toEqual(['POST', 'chats/c/shares', { expires_in: 604_800 }]);
    const field = await screen.findByLabelText(/shown only now/);
    expect(field).toHaveProperty('value', 'https://chat.example.org/shared/aichat-share_t');
    expect(document.activeElement).toBe(field);
    expect(screen.getByText('Until you revoke it.')).toBeDefined();
    await userEvent.click(await screen.findByRole('button', { name: /^Revoke: A link/ }));
    await waitFor(() => expect(screen.queryByRole('list')).toBeNull());
    expect(screen.queryByLabelText(/shown only now/)).toBeNull();
    expect(asked.some(([method, path]) => method === 'DELETE' && path === 'chats/c/shares/s0')).toBe(true);
  });

  test('lets one user read, without an end', async () => {
    await open();
    await userEvent.click(screen.getByRole('radio', { name: 'One user' }));
    await userEvent.type(screen.getByRole('textbox', { name: 'User name' }), ' eve {Tab}');
    await userEvent.selectOptions(screen.getByRole('combobox', { name: 'How long' }), 'until I revoke it');
    await userEvent.click(screen.getByRole('button', { name: 'Share' }));
    expect(asked.find(([method]) => method === 'POST')?.[2]).toEqual({ with: 'eve' });
    expect(await screen.findByLabelText(/eve.* can read it here/)).toHaveProperty(
      'value',
      'https://chat.example.org/shared/s0'
    );
    expect(within(screen.getByRole('list')).getByText(/With .*eve/)).toBeDefined();
  });

  test('keeps the keyboard in the dialog when what had it was revoked', async () => {
    shares = ['s1', 's2'].map(id => ({ id, with: id, created_at: CREATED, expires_at: null }));
    await open();
    const [first, second] = await screen.findAllByRole('button', { name: /^Revoke/ });
    first!.focus();
    await userEvent.keyboard('{Enter}');
    await waitFor(() => expect(first!.isConnected).toBe(false));
    expect(document.activeElement).toBe(second);
    await userEvent.keyboard('{Enter}');
    await waitFor(() => expect(screen.queryByRole('list')).toBeNull());
    expect(document.activeElement?.className).toBe('aichat-share');
  });

  test('says why it was refused, and nothing is lost', async () => {
    await open();
    await userEvent.click(screen.getByRole('radio', { name: 'One user' }));
    await userEvent.type(screen.getByRole('textbox', { name: 'User name' }), 'nobody');
    refuse = new ApiError('not_found', 'Nobody has this user name here.', {}, 404);
    await userEvent.click(screen.getByRole('button', { name: 'Share' }));
    expect((await screen.findByRole('alert')).textContent).toBe('Nobody has this user name here.');
    expect(screen.getByRole('textbox', { name: 'User name' })).toHaveProperty('value', 'nobody');
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Share' }));
  });

  test('shows what others have shared, with the way there', async () => {
    await act(async () => void render(inside(<ReceivedDialog open onClose={() => undefined} />)));
    const link = await screen.findByRole('link', { name: 'Stars' });
    expect(link.getAttribute('href')).toBe('https://chat.example.org/shared/s7');
    expect(screen.getByText('Eve')).toBeDefined();
  });

  test('takes what somebody wants no more from the list, unless that is refused', async () => {
    await act(async () => void render(inside(<ReceivedDialog open onClose={() => undefined} />)));
    refuse = new ApiError('not_ready', 'Try again in a moment.', {}, 503);
    await userEvent.click(await screen.findByRole('button', { name: 'Remove: Stars' }));
    expect((await screen.findByRole('alert')).textContent).toBe('Try again in a moment.');
    refuse = null;
    await userEvent.click(screen.getByRole('button', { name: 'Remove: Stars' }));
    await waitFor(() => expect(screen.queryByRole('link', { name: 'Stars' })).toBeNull());
    expect(screen.queryByRole('alert')).toBeNull();
    expect(asked.at(-1)?.slice(0, 2)).toEqual(['DELETE', 'shared/s7']);
  });

  test.each([
    ['a service with accounts', ['chats:read', 'chats:write'], HOST, 'yes'],
    ['a personal server', [], HOST, 'no'],
    ['a credential that may only read', ['chats:read'], HOST, 'no'],
    ['a host without an address for it', ['chats:write'], { ...HOST, sharedUrl: undefined }, 'no']
  ])('is offered where it can be: %s', (_where, scopes, host, offered) => {
    const Offered = (): React.ReactElement => <p>{useCanShare() ? 'yes' : 'no'}</p>;
    render(inside(<Offered />, scopes, host));
    expect(screen.getByRole('paragraph').textContent).toBe(offered);
  });
});
