import * as React from 'react';
import { Markdown } from '../markdown/Markdown';
import { useCell } from '../state/cell';
import { isRunning, textOf, type MessageView, type TextView } from '../state/message-view';
import { useChat } from './context';
import { Actions } from './Actions';
import { MessageHead } from './MessageHead';
import { MessageState, Refused } from './MessageState';
import { Question } from './Question';
import { Thinking } from './Thinking';

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
  const { host } = useChat();
  const { trans } = host;
  const running = isRunning(view);
  const markdownHost = React.useMemo(() => ({ trans, insertCode: host.insertCode }), [trans, host.insertCode]);
  return (
    <article
      className="aichat-message aichat-assistant"
      data-status={view.status}
      tabIndex={-1}
      aria-busy={running}
      aria-label={view.model ? trans.__('Answer of %1', view.model) : trans.__('Answer')}
    >
      <MessageHead name={view.model?.replace(/:latest$/, '') ?? trans.__('Assistant')} at={view.createdAt} />
      {view.parts.map((part, index) => {
        if (part.kind === 'tool_call') {
          return <ToolCall key={index} name={part.name} value={part.arguments} />;
        }
        const open = running && index === view.parts.length - 1;
        return part.kind === 'thinking' ? (
          <Thinking key={index} part={part} rev={view.rev} open={open} />
        ) : (
          <TextPart key={index} part={part} rev={view.rev} open={open} host={markdownHost} />
        );
      })}
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

function TextPart(p: {
  part: TextView;
  rev: number;
  open: boolean;
  host: React.ComponentProps<typeof Markdown>['host'];
}): React.ReactElement {
  return (
    <div className="aichat-text" data-open={p.open || undefined}>
      <Markdown stream={p.part.stream} rev={p.rev} done={!p.open} host={p.host} />
    </div>
  );
}

function ToolCall({ name, value }: { name: string; value: Record<string, unknown> }): React.ReactElement {
  const { trans } = useChat().host;
  return (
    <details className="aichat-fold">
      <summary>{trans.__('Asks for the tool %1; nothing was run', name)}</summary>
      <pre dir="ltr">{JSON.stringify(value, null, 1)}</pre>
    </details>
  );
}
