import * as React from 'react';
import { flushSync } from 'react-dom';
import { useCell } from '../state/cell';
import { ChatMenu } from './ChatMenu';
import { useChat } from './context';
import { IconButton } from './icons';
import { Note, type Noted } from './Note';
import { TitleEditor } from './TitleEditor';

interface Props {
  listOpen: boolean;
  onList(): void;
  onNew(): void;
}

/** List of chats, title (a click renames), new chat, menu. */
export function Header({ listOpen, onList, onNew }: Props): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const { chat, chatId } = useCell(model.current);
  const [renaming, setRenaming] = React.useState(false);
  const [noted, setNoted] = React.useState<{ about: string | null; note: Noted } | null>(null);
  const titleButton = React.useRef<HTMLButtonElement>(null);
  const title = chat?.title || trans.__('New chat');
  const onNote = (note: Noted): void => setNoted({ about: chatId, note });
  const onRenamed = (byKey: boolean): void => {
    flushSync(() => setRenaming(false));
    if (byKey) {
      titleButton.current?.focus();
    }
  };
  return (
    <>
      <header className="aichat-header">
        <IconButton
          icon="list"
          className="aichat-list-button"
          label={trans.__('Chats')}
          aria-expanded={listOpen}
          onClick={onList}
        />
        {renaming && chatId ? (
          <TitleEditor chatId={chatId} title={chat?.title ?? ''} onDone={onRenamed} onNote={onNote} />
        ) : (
          <h2 className="aichat-title">
            <button
              ref={titleButton}
              type="button"
              disabled={!chatId}
              title={chatId ? trans.__('Rename') : undefined}
              onClick={() => setRenaming(true)}
              dir="auto"
            >
              {title}
            </button>
          </h2>
        )}
        <IconButton icon="plus" label={trans.__('New chat')} onClick={onNew} />
        <ChatMenu
          chatId={chatId}
          title={title}
          pinned={chat?.pinned ?? false}
          label={trans.__('More')}
          onRename={() => setRenaming(true)}
          onNote={onNote}
        />
        {host.corner}
      </header>
      <Note note={noted?.about === chatId ? noted.note : null} />
    </>
  );
}
