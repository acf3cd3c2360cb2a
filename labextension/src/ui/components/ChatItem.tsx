import * as React from 'react';
import { flushSync } from 'react-dom';
import type { Chat } from '../protocol.generated';
import { ChatMenu } from './ChatMenu';
import { useChat } from './context';
import type { Noted } from './Note';
import { TitleEditor } from './TitleEditor';

interface Props {
  chat: Chat;
  current: boolean;
  onOpen(id: string): void;
  onNote(note: Noted): void;
}

/** A chat in the list: its title, which opens it, and what else can be done with it. */
export function ChatItem({ chat, current, onOpen, onNote }: Props): React.ReactElement {
  const { trans } = useChat().host;
  const [renaming, setRenaming] = React.useState(false);
  const item = React.useRef<HTMLLIElement>(null);
  const onRenamed = (byKey: boolean): void => {
    flushSync(() => setRenaming(false));
    if (byKey) {
      item.current?.querySelector<HTMLElement>('.aichat-item-menu')?.focus();
    }
  };
  const title = chat.title || trans.__('New chat');
  if (renaming) {
    return (
      <li>
        <TitleEditor chatId={chat.id} title={chat.title} onDone={onRenamed} onNote={onNote} />
      </li>
    );
  }
  return (
    <li ref={item} className="aichat-item" data-current={current} data-chat={chat.id}>
      <button
        type="button"
        className="aichat-item-title"
        aria-current={current || undefined}
        title={title}
        dir="auto"
        onClick={() => onOpen(chat.id)}
      >
        {title}
      </button>
      <ChatMenu
        chatId={chat.id}
        title={title}
        pinned={chat.pinned}
        className="aichat-icon-button aichat-item-menu"
        label={trans.__('Actions for “%1”', title)}
        onRename={() => setRenaming(true)}
        onNote={onNote}
      />
    </li>
  );
}
