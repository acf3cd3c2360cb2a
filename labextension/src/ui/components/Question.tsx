import * as React from 'react';
import { textOf, type MessageView } from '../state/message-view';
import { Actions } from './Actions';
import { useChat } from './context';
import { EditBox } from './EditBox';
import { focusedIn } from './keys';
import { MessageHead } from './MessageHead';
import { MessageState } from './MessageState';

/** What a person asked, on its tint. */
export function Question({ view }: { view: MessageView }): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const article = React.useRef<HTMLElement>(null);
  const { editing, edit, close } = useEditing(article);
  const text = textOf(view);
  return (
    <article
      ref={article}
      className="aichat-message aichat-user"
      data-status={view.status}
      tabIndex={-1}
      aria-label={trans.__('You')}
    >
      <MessageHead name={trans.__('You')} at={view.createdAt} />
      {editing ? (
        <EditBox
          text={text}
          onCancel={close}
          onSend={changed => {
            close();
            model.edit(view.id, changed);
          }}
        />
      ) : (
        <div className="aichat-question" dir="auto">
          {text}
        </div>
      )}
      <MessageState view={view} />
      {!editing && view.status === 'completed' && <Actions view={view} text={() => text} onEdit={edit} />}
    </article>
  );
}

interface Editing {
  editing: boolean;
  edit(): void;
  close(): void;
}

/** Editing gives the keyboard back to where it was: to the box, or to the question where its button is gone. */
function useEditing(article: React.RefObject<HTMLElement>): Editing {
  const [editing, setEditing] = React.useState(false);
  const from = React.useRef<Element | null>(null);
  const edit = (): void => {
    from.current = focusedIn(article.current!);
    setEditing(true);
  };
  const close = (): void => {
    setEditing(false);
    const before = from.current;
    (before instanceof HTMLElement && before.isConnected ? before : article.current)?.focus();
  };
  return { editing, edit, close };
}
