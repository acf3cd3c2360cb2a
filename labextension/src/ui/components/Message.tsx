import * as React from 'react';
import { useCell } from '../state/cell';
import { isRunning, textOf, type MessageView } from '../state/message-view';
import { useChat } from './context';
import { Actions } from './Actions';
import { AnswerParts } from './AnswerParts';
import { MessageHead } from './MessageHead';
import { MessageState, Refused } from './MessageState';
import { Question } from './Question';

/** One message: a question on its tint, or an answer at full width. */
export const Message = React.memo(function Message({ id }: { id: string }): React.ReactElement | null {
  const { model } = useChat();
  const cell = React.useMemo(() => model.message(id), [model, id]);
  const view = useCell(cell);
  if (!view) {
    return null;
  }
  return view.role === 'user' ? <Question view={view} /> : <Answer view={view} />;
});

function Answer({ view }: { view: MessageView }): React.ReactElement {
  const { trans } = useChat().host;
  const running = isRunning(view);
  return (
    <article
      className="aichat-message aichat-assistant"
      data-status={view.status}
      tabIndex={-1}
      aria-busy={running}
      aria-label={view.model ? trans.__('Answer of %1', view.model) : trans.__('Answer')}
    >
      <MessageHead name={view.model?.replace(/:latest$/, '') ?? trans.__('Assistant')} at={view.createdAt} />
      <AnswerParts view={view} />
      <Continued view={view} />
      <MessageState view={view} />
      {view.refused && <Refused failure={view.refused} />}
      {!running && <Actions view={view} text={() => textOf(view)} />}
    </article>
  );
}

/** A hairline under an answer that another server took up when the first one was gone. */
function Continued({ view }: { view: MessageView }): React.ReactElement | null {
  const { trans } = useChat().host;
  const taken = view.continuations.filter(each => each.cause === 'takeover');
  if (!taken.length) {
    return null;
  }
  const times = taken.map(each => new Date(each.at).toLocaleTimeString()).join(', ');
  return (
    <p className="aichat-continued" title={trans.__('Another server went on with this answer at %1.', times)}>
      {trans.__('continued')}
    </p>
  );
}
