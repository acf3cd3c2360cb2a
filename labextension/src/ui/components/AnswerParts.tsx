import * as React from 'react';
import { Markdown } from '../markdown/Markdown';
import { isRunning, type MessageView, type TextView } from '../state/message-view';
import { useHost } from './context';
import { Thinking } from './Thinking';

/** What an answer says: thinking, text, tools that it asks for. */
export function AnswerParts({ view }: { view: MessageView }): React.ReactElement {
  const { trans, insertCode } = useHost();
  const running = isRunning(view);
  const markdownHost = React.useMemo(() => ({ trans, insertCode }), [trans, insertCode]);
  return (
    <>
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
    </>
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
  const { trans } = useHost();
  return (
    <details className="aichat-fold">
      <summary>{trans.__('Asks for the tool %1; nothing was run', name)}</summary>
      <pre dir="ltr">{JSON.stringify(value, null, 1)}</pre>
    </details>
  );
}
