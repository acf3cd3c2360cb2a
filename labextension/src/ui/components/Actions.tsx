import * as React from 'react';
import type { MessageView } from '../state/message-view';
import type { Trans } from '../i18n';
import { useChat } from './context';
import { IconButton } from './icons';

interface Props {
  view: MessageView;
  text(): string;
  onEdit?(): void;
}

const COPIED_MS = 1500;

/** What can be done with a message; seen on hover and on focus. */
export function Actions({ view, text, onEdit }: Props): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  return (
    <div className="aichat-actions">
      <div className="aichat-action-buttons" role="group" aria-label={trans.__('Actions')}>
        <CopyButton text={text} trans={trans} />
        {onEdit && <IconButton icon="edit" data-action="edit" label={trans.__('Edit')} onClick={onEdit} />}
        {view.role === 'assistant' && (
          <IconButton
            icon="again"
            data-action="regenerate"
            label={trans.__('Regenerate')}
            onClick={() => model.regenerate(view.id)}
          />
        )}
      </div>
      <Branches view={view} />
      {view.role === 'assistant' && <span className="aichat-numbers">{numbers(view, trans)}</span>}
    </div>
  );
}

export function CopyButton({ text, trans }: { text(): string; trans: Trans }): React.ReactElement {
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    const timer = copied ? setTimeout(() => setCopied(false), COPIED_MS) : undefined;
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <IconButton
      icon={copied ? 'check' : 'copy'}
      data-action="copy"
      label={copied ? trans.__('Copied') : trans.__('Copy')}
      onClick={() => void navigator.clipboard?.writeText(text()).then(() => setCopied(true))}
    />
  );
}

function Branches({ view }: { view: MessageView }): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  const siblings = model.siblings(view.id);
  const at = siblings.indexOf(view.id);
  if (siblings.length < 2) {
    return null;
  }
  return (
    <div className="aichat-branches" role="group" aria-label={trans.__('Versions')}>
      <IconButton
        icon="left"
        data-action="previous"
        label={trans.__('Previous version')}
        disabled={at <= 0}
        onClick={() => model.showBranch(siblings[at - 1])}
      />
      <span>
        {at + 1}/{siblings.length}
      </span>
      <IconButton
        icon="right"
        data-action="next"
        label={trans.__('Next version')}
        disabled={at >= siblings.length - 1}
        onClick={() => model.showBranch(siblings[at + 1])}
      />
    </div>
  );
}

function numbers({ usage }: MessageView, trans: Trans): string {
  if (!usage) {
    return '';
  }
  const said: string[] = [];
  if (usage.cached) {
    said.push(trans.__('Answered before'));
  }
  if (usage.total_ms !== null) {
    said.push(trans.__('%1 s', (usage.total_ms / 1000).toFixed(1)));
  }
  if (usage.tokens_per_second !== null) {
    said.push(trans.__('%1 tok/s', Math.round(usage.tokens_per_second)));
  } else if (usage.completion_tokens !== null) {
    said.push(trans._n('%1 token', '%1 tokens', usage.completion_tokens));
  }
  return said.join(' · ');
}
