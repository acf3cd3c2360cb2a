import * as React from 'react';
import { useCell } from '../state/cell';
import { isRunning } from '../state/message-view';
import { useChat } from './context';
import { Icon } from './icons';
import { isComposing, sends } from './keys';
import { Meter } from './MessageState';
import { ModelPicker } from './ModelPicker';
import { useLast } from './useLast';

/** Where a person writes. Send and Stop stand in one place. */
export function Composer(): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const draft = useCell(model.draft);
  const running = useLast((view, id) => (view && isRunning(view) ? id : null));
  const stopping = useLast(view => view?.stopping ?? false);
  const box = React.useRef<HTMLTextAreaElement>(null);
  const busy = useLast(view => view?.status === 'sending') || running !== null;
  useGrowing(box, draft);
  const send = (): void => {
    if (!busy) {
      model.send(draft);
      box.current?.focus();
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (sends(event, host)) {
      event.preventDefault();
      send();
    } else if (event.key === 'ArrowUp' && !event.altKey && !draft && !isComposing(event)) {
      const question = model.lastQuestion();
      if (question && !busy) {
        event.preventDefault();
        editQuestion(box.current!, question.id);
      }
    }
  };
  return (
    <form
      className="aichat-composer"
      onSubmit={event => {
        event.preventDefault();
        send();
      }}
    >
      <div className="aichat-box">
        <textarea
          ref={box}
          rows={1}
          dir="auto"
          aria-label={trans.__('Message')}
          placeholder={trans.__('Ask anything …')}
          value={draft}
          onChange={event => model.setDraft(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="aichat-box-bar">
          <ModelPicker />
          <Meter />
          <span className="aichat-space" />
          {running ? (
            <button
              type="button"
              className="aichat-send aichat-stop"
              disabled={stopping}
              onClick={() => model.stop(running)}
            >
              <Icon name="stop" /> {trans.__('Stop')}
            </button>
          ) : (
            <button type="submit" className="aichat-send" disabled={!draft.trim() || busy}>
              <Icon name="send" /> {trans.__('Send')}
            </button>
          )}
        </div>
      </div>
    </form>
  );
}

/** The box grows with its text, to 40 % of the chat's height. */
function useGrowing(box: React.RefObject<HTMLTextAreaElement>, text: string): void {
  React.useLayoutEffect(() => {
    const area = box.current!;
    const most = (area.closest('.aichat')?.clientHeight ?? 600) * 0.4;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, most)}px`;
  }, [box, text]);
}

function editQuestion(box: HTMLElement, id: string): void {
  const root = box.closest('.aichat');
  root?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] [data-action="edit"]`)?.click();
}
