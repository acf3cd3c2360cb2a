import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../../src/ui/client/errors';
import { Rest } from '../../../src/ui/client/rest';
import { ChatContext, HostContext, type Chatting } from '../../../src/ui/components/context';
import { ExportDialog } from '../../../src/ui/components/ExportDialog';
import { ListMenu } from '../../../src/ui/components/ListMenu';
import type { Host } from '../../../src/ui/host';
import { makeTrans } from '../../../src/ui/i18n';
import { Files } from '../../../src/ui/state/files';
import { failure, FakeHttp, json } from '../fakes/http';

const saved = vi.hoisted(() => [] as [string, string][]);
vi.mock('../../../src/ui/client/save', () => ({
  save: async (data: Blob, name: string) => void saved.push([name, await data.text()])
}));

let http: FakeHttp;
const file = (text: string, disposition: string) => () =>
  new Response(text, { headers: { 'Content-Disposition': disposition } });

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
    this.open = false;
  };
  HTMLElement.prototype.showPopover = () => undefined;
  HTMLElement.prototype.hidePopover = () => undefined;
  saved.length = 0;
  http = new FakeHttp();
});

const reloadChats = vi.fn();

function inside(children: React.ReactNode, place?: Host['place'], without = false): React.ReactElement {
  const rest = new Rest({ url: 'https://jupyter.example.org/api/aichat/v1', fetch: http.fetch });
  const host: Host = { name: 'lab', trans: makeTrans(), place };
  const model = { files: without ? null : new Files(rest), reloadChats } as unknown as Chatting['model'];
  return (
    <ChatContext.Provider value={{ model, host }}>
      <HostContext.Provider value={host}>{children}</HostContext.Provider>
    </ChatContext.Provider>
  );
}

const closed = vi.fn();
const show = (place?: Host['place']): void =>
  void render(inside(<ExportDialog open chatId="c7" title="Stars" onClose={closed} />, place));
const press = (name: string | RegExp): Promise<void> => userEvent.click(screen.getByRole('button', { name }));

describe('export', () => {
  test('downloads a chat under the name that the server gives it', async () => {
    http.on(
      'GET chats/c7/export',
      file('# Zürich', `attachment; filename="Z_rich.md"; filename*=UTF-8''Z%C3%BCrich.md`)
    );
    show();
    await press('Download');
    await waitFor(() => expect(saved).toEqual([['Zürich.md', '# Zürich']]));
    expect(http.asked).toEqual(['GET chats/c7/export?format=markdown']);
    expect(closed).toHaveBeenCalled();
  });

  test('asks what a notebook shall be, and saves it where the person works', async () => {
    http.on('GET chats/c7/export', file('{}', 'attachment; filename="Stars.ipynb"'));
    const kept: [string, string][] = [];
    const place = {
      label: () => 'Save to “work”',
      save: async (data: Blob, name: string) => void kept.push([name, await data.text()])
    };
    show(place);
    expect(screen.queryByRole('checkbox')).toBeNull();
    await userEvent.click(screen.getByRole('radio', { name: /Notebook/ }));
    await userEvent.click(screen.getByRole('checkbox', { name: /%%chat cells, which ask them again/ }));
    await press('Save to “work”');
    await waitFor(() => expect(kept).toEqual([['Stars.ipynb', '{}']]));
    expect(http.asked).toEqual(['GET chats/c7/export?format=notebook&questions=chat&code_cells=true']);
    expect(saved).toEqual([]);
  });

  test.each([
    ['what the server says', () => failure('not_found', 404, 'There is no such chat.'), 'There is no such chat.'],
    ['that it was no file', () => json({}), 'HTTP 200'],
    ['that nobody answered', () => Promise.reject(new TypeError('Failed to fetch')), 'Failed to fetch']
  ])('says %s, and stays open', async (_name, answer, message) => {
    closed.mockClear();
    http.on('GET chats/c7/export', answer);
    show();
    await press('Download');
    expect((await screen.findByRole('alert')).textContent).toBe(message);
    expect(closed).not.toHaveBeenCalled();
    expect(screen.getByRole('button', { name: 'Download' })).toHaveProperty('disabled', false);
  });
});

describe('all chats', () => {
  const opened = vi.fn();
  const choose = async (item: string): Promise<void> => {
    await press('Actions for all chats');
    await act(async () => screen.getByText(item).click());
  };
  const upload = (...names: string[]): Promise<void> =>
    userEvent.upload(
      screen.getByLabelText('Files'),
      names.map(name => new File([`[${name}]`], name, { type: 'application/json' }))
    );

  test('nothing of it where files cannot come through', () => {
    render(inside(<ListMenu onOpen={opened} />, undefined, true));
    expect(document.body.textContent).toBe('');
  });

  test('are exported as one file', async () => {
    http.on('GET export', file('{}', 'attachment; filename="chats.json"'));
    render(inside(<ListMenu onOpen={opened} />));
    await choose('Export all chats');
    await waitFor(() => expect(saved).toEqual([['chats.json', '{}']]));
  });

  test('say why they could not be exported', async () => {
    http.on('GET export', () => failure('store_unavailable', 503, 'Try again.'));
    render(inside(<ListMenu onOpen={opened} />));
    await choose('Export all chats');
    expect((await screen.findByRole('alert')).textContent).toBe('Try again.');
  });

  test('come from several files, and what could not be imported is told', async () => {
    const bodies: (string | undefined)[] = [];
    http.on('POST import', async (_path: string, init: RequestInit) => {
      const text = await (init.body as Blob).text();
      bodies.push(text);
      return text === '[bad.json]'
        ? failure('invalid_request', 400, 'This is no JSON - at `$`')
        : json({
            imported: 2,
            failed: 1,
            items: [{ id: 'n1', title: 'Moon', messages: 2 }],
            failures: [{ path: '$[2]', code: 'invalid_request', message: 'No messages - at `$[2]`' }]
          });
    });
    render(inside(<ListMenu onOpen={opened} />));
    await choose('Import chats …');
    expect(screen.getByRole('button', { name: 'Import' })).toHaveProperty('disabled', true);
    await upload('bad.json', 'good.json');
    await press('Import');
    expect((await screen.findByText('2 chats were imported.')).closest('[role=status]')).not.toBeNull();
    const failures = screen.getAllByRole('listitem').map(item => item.textContent);
    expect(failures).toEqual(['Moon', 'bad.json: This is no JSON - at `$`', 'good.json: No messages - at `$[2]`']);
    expect(bodies).toEqual(['[bad.json]', '[good.json]']);
    expect(reloadChats).toHaveBeenCalled();
    await press('Moon');
    expect(opened).toHaveBeenCalledWith('n1');
  });

  test('an error has its code', async () => {
    http.on('POST import', () => failure('too_large', 413, 'Too large.', { limit: 1 }));
    const rest = new Rest({ url: 'https://jupyter.example.org/api/aichat/v1', fetch: http.fetch });
    await expect(rest.upload('import', new Blob(['x']))).rejects.toEqual(
      new ApiError('too_large', 'Too large.', { limit: 1 }, 413)
    );
  });
});
