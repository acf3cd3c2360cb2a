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
      <pre dir="ltr">{JSON.stringify(value, null, isDeep(value) ? 0 : 1)}</pre>
    </details>
  );
}

/** Whether the indents alone would be many times what is said. */
function isDeep(value: unknown, room = 32): boolean {
  return room === 0 || (isObject(value) && Object.values(value).some(each => isDeep(each, room - 1)));
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
