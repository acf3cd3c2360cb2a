import * as React from 'react';
import type { Trans } from '../i18n';
import { useCell } from '../state/cell';
import { isRunning, textOf, type MessageView } from '../state/message-view';
import type { SharedModel } from '../state/shared';
import { CopyButton } from './Actions';
import { AnswerParts } from './AnswerParts';
import { useHost } from './context';
import { MessageHead } from './MessageHead';
import { whyUnfinished } from './MessageState';

interface Props {
  id: string;
  model: SharedModel;
  /** Who asked. */
  by: string;
}

/** One message of somebody else's chat: to be read and copied, nothing else. */
export const SharedMessage = React.memo(function SharedMessage({ id, model, by }: Props): React.ReactElement | null {
  const cell = React.useMemo(() => model.message(id), [model, id]);
  const view = useCell(cell);
  const { trans } = useHost();
  if (!view) {
    return null;
  }
  return view.role === 'user' ? (
    <article className="aichat-message aichat-user" tabIndex={-1} aria-label={by}>
      <MessageHead name={by} at={view.createdAt} />
      <div className="aichat-question" dir="auto">
        {textOf(view)}
      </div>
      <Copy view={view} trans={trans} />
    </article>
  ) : (
    <article
      className="aichat-message aichat-assistant"
      data-status={view.status}
      tabIndex={-1}
      aria-busy={isRunning(view)}
      aria-label={view.model ? trans.__('Answer of %1', view.model) : trans.__('Answer')}
    >
      <MessageHead name={view.model?.replace(/:latest$/, '') ?? trans.__('Assistant')} at={view.createdAt} />
      <AnswerParts view={view} />
      <State view={view} trans={trans} />
      {!isRunning(view) && <Copy view={view} trans={trans} />}
    </article>
  );
});

const Copy = ({ view, trans }: { view: MessageView; trans: Trans }): React.ReactElement => (
  <div className="aichat-actions">
    <div className="aichat-action-buttons" role="group" aria-label={trans.__('Actions')}>
      <CopyButton text={() => textOf(view)} trans={trans} />
    </div>
  </div>
);

function State({ view, trans }: { view: MessageView; trans: Trans }): React.ReactElement | null {
  const said = howItStands(view, trans);
  return said ? <p className="aichat-quiet">{said}</p> : null;
}

function howItStands(view: MessageView, trans: Trans): string {
  if (isRunning(view)) {
    return view.parts.length ? '' : trans.__('The answer is on its way …');
  }
  if (view.status === 'failed') {
    return trans.__('The answer failed.');
  }
  return view.status === 'completed' && view.reason !== 'length' ? '' : whyUnfinished(view, trans);
}
