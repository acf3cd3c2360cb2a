import * as React from 'react';
import type { Chat } from '../protocol.generated';
import { useCell } from '../state/cell';
import type { Trans } from '../i18n';
import { ChatItem } from './ChatItem';
import { useChat } from './context';
import { ListMenu } from './ListMenu';
import { Icon } from './icons';
import { isComposing } from './keys';
import { Note, type Noted } from './Note';
import { ReceivedDialog } from './ReceivedDialog';
import { useCanShare } from './useCanShare';
import { useFollowedFocus } from './useFollowedFocus';
import { useFoundCommands } from './useFoundCommands';

const TYPING_MS = 200;

/** All chats, pinned ones before the others, which stand by day; searched by title. */
export function ChatList({ open, onOpen }: { open: boolean; onOpen(id: string | null): void }): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const list = useCell(model.chats);
  const { chatId } = useCell(model.current);
  const [query, setQuery] = React.useState(list.query);
  const [note, setNote] = React.useState<Noted | null>(null);
  const nav = React.useRef<HTMLElement>(null);
  const search = React.useRef<HTMLInputElement>(null);
  useFollowedFocus(nav, list.items);
  const commands = useFoundCommands(query, () => onOpen(null));
  React.useEffect(() => {
    if (query === list.query) {
      return;
    }
    const timer = setTimeout(() => void model.searchChats(query), TYPING_MS);
    return () => clearTimeout(timer);
  }, [query, list.query, model]);
  React.useEffect(() => {
    if (open) {
      search.current?.focus();
    }
  }, [open]);
  return (
    <nav ref={nav} className="aichat-list" aria-label={trans.__('Chats')}>
      <div className="aichat-search">
        <Icon name="search" />
        <input
          ref={search}
          type="search"
          aria-label={trans.__('Search chats by title')}
          placeholder={trans.__('Search chats')}
          value={query}
          onChange={event => setQuery(event.target.value)}
          onKeyDown={onSearchKey}
        />
      </div>
      <div className="aichat-list-row">
        <button type="button" className="aichat-list-new" onClick={() => onOpen(null)}>
          <Icon name="plus" /> {trans.__('New chat')}
        </button>
        <ListMenu onOpen={onOpen} />
      </div>
      <Note note={note} />
      <div className="aichat-list-scroll" aria-busy={list.status === 'loading'}>
        {commands.length > 0 && (
          <section aria-label={trans.__('Commands')}>
            <h2 className="aichat-list-heading">{trans.__('Commands')}</h2>
            <ul>
              {commands.map(command => (
                <li key={command.label} className="aichat-item">
                  <button
                    type="button"
                    className="aichat-item-title"
                    onClick={() => {
                      setQuery('');
                      command.run();
                    }}
                  >
                    {command.label}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
        {groups(list.items, trans).map(([day, chats]) => (
          <section key={day} aria-label={day}>
            <h2 className="aichat-list-heading">{day}</h2>
            <ul>
              {chats.map(chat => (
                <ChatItem key={chat.id} chat={chat} current={chat.id === chatId} onOpen={onOpen} onNote={setNote} />
              ))}
            </ul>
          </section>
        ))}
        <Rest query={query} clear={() => setQuery('')} />
      </div>
      <ReceivedButton />
    </nav>
  );
}

/** From the search box ↓ and Enter go to the first command or chat that was found. */
function onSearchKey(event: React.KeyboardEvent<HTMLElement>): void {
  const list = event.currentTarget.closest('.aichat-list');
  const first = list?.querySelector<HTMLElement>('.aichat-item-title');
  if (!first || isComposing(event) || (event.key !== 'ArrowDown' && event.key !== 'Enter')) {
    return;
  }
  event.preventDefault();
  if (event.key === 'Enter') {
    first.click();
  } else {
    first.focus();
  }
}

/** The way to the chats of others, where there can be some. */
function ReceivedButton(): React.ReactElement | null {
  const { trans } = useChat().host;
  const canShare = useCanShare();
  const [shown, setShown] = React.useState(false);
  return canShare ? (
    <>
      <button type="button" className="aichat-list-new" onClick={() => setShown(true)}>
        <Icon name="chat" /> {trans.__('Shared with me')}
      </button>
      <ReceivedDialog open={shown} onClose={() => setShown(false)} />
    </>
  ) : null;
}

/** What is said where the list ends. */
function Rest({ query, clear }: { query: string; clear(): void }): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  const list = useCell(model.chats);
  if (list.status === 'error') {
    return (
      <p className="aichat-hint" role="alert">
        {trans.__('The chats cannot be listed right now.')}{' '}
        <button type="button" className="aichat-link" onClick={() => void model.reloadChats()}>
          {trans.__('Retry')}
        </button>
      </p>
    );
  }
  if (list.next) {
    return (
      <button type="button" className="aichat-link aichat-more" onClick={() => void model.moreChats()}>
        {trans.__('Show more')}
      </button>
    );
  }
  if (list.items.length || list.status === 'loading') {
    return null;
  }
  return query ? (
    <p className="aichat-hint">
      {trans.__('No title has “%1” in it.', query)}{' '}
      <button type="button" className="aichat-link" onClick={clear}>
        {trans.__('Show all chats')}
      </button>
    </p>
  ) : (
    <p className="aichat-hint">{trans.__('No chats yet. Ask something, and it will be kept here.')}</p>
  );
}

const DAY_MS = 86_400_000;

/** Chats by the day of their last change, in their order; pinned ones first. */
export function groups(chats: readonly Chat[], trans: Trans, now = new Date()): [string, Chat[]][] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const found = new Map<string, Chat[]>();
  for (const chat of chats) {
    const at = new Date(chat.updated_at).getTime();
    const day = chat.pinned
      ? trans.__('Pinned')
      : at >= midnight
        ? trans.__('Today')
        : at >= midnight - DAY_MS
          ? trans.__('Yesterday')
          : at >= midnight - 7 * DAY_MS
            ? trans.__('Last 7 days')
            : trans.__('Older');
    found.set(day, [...(found.get(day) ?? []), chat]);
  }
  return [...found];
}
