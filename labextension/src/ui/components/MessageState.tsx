import * as React from 'react';
import { isRunning, type MessageView, type QueuePlace } from '../state/message-view';
import type { Failure } from '../protocol.generated';
import type { Trans } from '../i18n';
import { useChat } from './context';
import { Code } from './Empty';
import { Icon } from './icons';
import { useSeconds } from './Thinking';
import { useLast } from './useLast';

/** The line under a message that says how it stands, and what can be done. */
export function MessageState({ view }: { view: MessageView }): React.ReactElement | null {
  switch (view.status) {
    case 'sending':
      return <Sending view={view} />;
    case 'unsent':
      return <Unsent view={view} />;
    case 'pending':
    case 'streaming':
      return <Running view={view} />;
    case 'stopped':
    case 'interrupted':
      return <Unfinished view={view} />;
    case 'failed':
      return <Failed view={view} />;
    default:
      return view.reason === 'length' ? <Unfinished view={view} /> : <LeftOut view={view} />;
  }
}

function Sending({ view }: { view: MessageView }): React.ReactElement | null {
  const { trans } = useChat().host;
  const now = useSeconds(true);
  return now - Date.parse(view.createdAt) > 2000 ? <p className="aichat-quiet">{trans.__('Sending …')}</p> : null;
}

function Unsent({ view }: { view: MessageView }): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  return (
    <p className="aichat-error-line" role="alert">
      <Icon name="warning" />
      <span>
        {view.error ? <Code text={view.error.message} /> : trans.__('Not sent yet: the server does not answer.')}
      </span>
      <button type="button" className="aichat-link" onClick={() => model.retry(view.id)}>
        {trans.__('Retry')}
      </button>
      <button type="button" className="aichat-link" onClick={() => model.discard(view.id)}>
        {trans.__('Edit')}
      </button>
    </p>
  );
}

function Running({ view }: { view: MessageView }): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  const waits = !view.parts.length;
  const now = useSeconds(waits);
  if (view.stopping) {
    return <p className="aichat-quiet">{trans.__('Stopping …')}</p>;
  }
  if (view.queue) {
    return (
      <p className="aichat-quiet">
        {inLine(view.queue, !waits, trans)}{' '}
        <button type="button" className="aichat-link" onClick={() => model.stop(view.id)}>
          {waits ? trans.__('Leave') : trans.__('Stop')}
        </button>
      </p>
    );
  }
  if (!waits) {
    return null;
  }
  const seconds = Math.max(0, Math.round((now - (view.askedAt ?? now)) / 1000));
  return (
    <p className="aichat-quiet aichat-loading">
      {view.model ? trans.__('Loading %1 …', view.model) : trans.__('Loading …')}{' '}
      {seconds > 0 && trans.__('%1 s', seconds)}
    </p>
  );
}

function inLine({ position, wait, cause }: QueuePlace, begun: boolean, trans: Trans): string {
  if (cause === 'no_worker' && begun) {
    return trans.__('The models are away at the moment. The answer is kept, and goes on when they are back');
  }
  if (cause === 'no_worker') {
    return trans.__('The models are away at the moment. Your question is kept, and answered when they are back');
  }
  return wait === null
    ? trans.__('Number %1 in line', position)
    : trans.__('Number %1 in line, about %2 s', position, Math.round(wait));
}

function Unfinished({ view }: { view: MessageView }): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const can = !view.parts.some(part => part.kind !== 'text');
  return (
    <p className="aichat-quiet aichat-unfinished">
      <span>{whyUnfinished(view, trans)}</span>
      {view.error && view.status !== 'interrupted' && <span className="aichat-error-text">{view.error.message}</span>}
      {can && (
        <button type="button" className="aichat-link" onClick={() => model.continueMessage(view.id)}>
          {trans.__('Continue')}
        </button>
      )}
      <button type="button" className="aichat-link" onClick={() => model.regenerate(view.id)}>
        {trans.__('Regenerate')}
      </button>
    </p>
  );
}

export function whyUnfinished(view: MessageView, trans: Trans): string {
  if (view.status === 'stopped') {
    return view.reason === 'too_long' ? trans.__('Stopped: the answer is as long as it may be') : trans.__('Stopped');
  }
  switch (view.reason) {
    case 'length':
      return trans.__('The answer reached its length limit');
    case 'server_restarted':
    case 'server_stopping':
      return trans.__('Interrupted: the server restarted');
    case 'upstream_closed':
      return trans.__('Interrupted: the model server closed the connection');
    default:
      return trans.__('Interrupted');
  }
}

function Failed({ view }: { view: MessageView }): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  return (
    <div className="aichat-failed" role="alert">
      <p>
        <Icon name="warning" /> <Code text={view.error?.message ?? trans.__('The answer failed.')} />
      </p>
      <p className="aichat-notice-actions">
        <button type="button" className="aichat-button" onClick={() => model.regenerate(view.id)}>
          {trans.__('Try again')}
        </button>
      </p>
      {view.error && (
        <details className="aichat-fold">
          <summary>{trans.__('Details')}</summary>
          <pre dir="ltr">
            {JSON.stringify({ code: view.error.code, run: view.runId, ...view.error.details }, null, 1)}
          </pre>
        </details>
      )}
    </div>
  );
}

/** Why another answer, or the rest of this one, cannot be had. */
export const Refused = ({ failure }: { failure: Failure }): React.ReactElement => (
  <p className="aichat-error-line" role="alert">
    <Icon name="warning" />
    <span>
      <Code text={failure.message} />
    </span>
  </p>
);

/** Says what of the history the model did not read. */
function LeftOut({ view }: { view: MessageView }): React.ReactElement | null {
  const { host } = useChat();
  const { trans } = host;
  const { context } = view;
  if (!context || (!context.left_out && !context.cut) || isRunning(view)) {
    return null;
  }
  return (
    <p className="aichat-quiet">
      {context.cut
        ? trans.__('The model read only a part of this chat: its window is full.')
        : trans._n(
            '%1 older message was left out: the window is full.',
            '%1 older messages were left out: the window is full.',
            context.left_out
          )}
    </p>
  );
}

/** How full the model's window was with the last question; silent below 60 %. */
export function Meter(): React.ReactElement | null {
  const { trans } = useChat().host;
  const context = useLast(view => view?.context);
  const share = context ? context.tokens / context.budget : 0;
  if (!context || share < 0.6) {
    return null;
  }
  const k = (n: number): string => (n < 1000 ? String(n) : `${(n / 1000).toFixed(1)}k`);
  return (
    <span className="aichat-meter" data-full={share >= 0.9 || undefined}>
      {trans.__('%1 of %2 tokens', k(context.tokens), k(context.budget))}
    </span>
  );
}
