import * as React from 'react';
import { Markdown } from '../markdown/Markdown';
import type { TextView } from '../state/message-view';
import { useHost } from './context';

/** What the model wrote before its answer: folded, its seconds counted while it goes on. */
export function Thinking({ part, rev, open }: { part: TextView; rev: number; open: boolean }): React.ReactElement {
  const { trans } = useHost();
  const [shown, setShown] = React.useState(false);
  const host = React.useMemo(() => ({ trans }), [trans]);
  const now = useSeconds(open && part.ended === null);
  const seconds = Math.round(((part.ended ?? now) - part.begun) / 1000);
  const label =
    open && part.ended === null
      ? trans.__('Thinking … %1 s', seconds)
      : seconds > 0
        ? trans.__('Thought for %1 s', seconds)
        : trans.__('Thought');
  return (
    <details
      className="aichat-fold aichat-thinking"
      open={shown}
      onToggle={event => setShown(event.currentTarget.open)}
    >
      <summary>{label}</summary>
      {shown && <Markdown stream={part.stream} rev={rev} done={!open} host={host} />}
    </details>
  );
}

/** The present moment (ms), once a second while it is asked for. */
export function useSeconds(running: boolean): number {
  const [now, setNow] = React.useState(Date.now);
  React.useEffect(() => {
    if (!running) {
      return undefined;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}
