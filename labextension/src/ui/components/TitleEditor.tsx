import * as React from 'react';
import { useChat } from './context';
import { isComposing } from './keys';
import type { Noted } from './Note';

interface Props {
  chatId: string;
  title: string;
  /** `byKey`: the keyboard was in it until now. */
  onDone(byKey: boolean): void;
  onNote(note: Noted): void;
}

/** A chat's title, to be written anew; Escape and an empty one leave it as it is. */
export function TitleEditor({ chatId, title, onDone, onNote }: Props): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const [value, setValue] = React.useState(title);
  const done = React.useRef(false);
  const finish = (kept: string, byKey: boolean): void => {
    if (done.current) {
      return;
    }
    done.current = true;
    onDone(byKey);
    const wanted = kept.trim();
    if (wanted && wanted !== title) {
      const text = trans.__('The title could not be changed. Try again.');
      void model.renameChat(chatId, wanted).catch(() => onNote({ text, failed: true }));
    }
  };
  return (
    <input
      className="aichat-title-input"
      aria-label={trans.__('Title')}
      value={value}
      maxLength={200}
      autoFocus
      onFocus={event => event.target.select()}
      onChange={event => setValue(event.target.value)}
      onBlur={() => finish(value, false)}
      onKeyDown={event => {
        if (event.key === 'Enter' && !isComposing(event)) {
          finish(value, true);
        } else if (event.key === 'Escape') {
          finish('', true);
        } else {
          return;
        }
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
