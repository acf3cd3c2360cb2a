import * as React from 'react';
import { useChat } from './context';
import { sends } from './keys';

/** A question being put differently; sending adds a version and overwrites nothing. */
export function EditBox(p: { text: string; onSend(text: string): void; onCancel(): void }): React.ReactElement {
  const { host } = useChat();
  const { trans } = host;
  const [text, setText] = React.useState(p.text);
  const box = React.useRef<HTMLTextAreaElement>(null);
  React.useLayoutEffect(() => {
    const area = box.current!;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);
  React.useEffect(() => {
    box.current!.focus();
    box.current!.setSelectionRange(p.text.length, p.text.length);
  }, [p.text]);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.key === 'Escape') {
      p.onCancel();
    } else if (sends(event, host)) {
      p.onSend(text);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="aichat-edit">
      <textarea
        ref={box}
        dir="auto"
        rows={1}
        aria-label={trans.__('Edit the question')}
        value={text}
        onChange={event => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={p.onCancel}>
          {trans.__('Cancel')}
        </button>
        <button
          type="button"
          className="aichat-button aichat-primary"
          disabled={!text.trim()}
          onClick={() => p.onSend(text)}
        >
          {trans.__('Send')}
        </button>
      </div>
    </div>
  );
}
