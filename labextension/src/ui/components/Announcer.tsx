import * as React from 'react';
import { useCell } from '../state/cell';
import { isRunning, textOf } from '../state/message-view';
import { useChat } from './context';

const MAX_SPOKEN = 1000;

/** Tells a screen reader, once, that an answer has ended, and what it says. */
export function Announcer(): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const { path } = useCell(model.current);
  const id = path[path.length - 1] ?? '';
  const view = useCell(React.useMemo(() => model.message(id), [model, id]));
  const heard = React.useRef('');
  const [said, setSaid] = React.useState('');
  const running = view !== undefined && isRunning(view);
  React.useEffect(() => {
    if (running) {
      heard.current = id;
      setSaid('');
    } else if (view && heard.current === id) {
      heard.current = '';
      const text = textOf(view).slice(0, MAX_SPOKEN);
      setSaid(view.status === 'completed' ? text : trans.__('The answer has ended early. %1', text));
    }
  }, [running, view, id, trans]);
  return (
    <div className="aichat-unseen" role="status">
      {said}
    </div>
  );
}
