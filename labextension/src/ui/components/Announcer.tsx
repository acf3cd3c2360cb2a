import * as React from 'react';
import { textOf } from '../state/message-view';
import { useChat } from './context';
import { useLast } from './useLast';

const MAX_SPOKEN = 1000;

/** Tells a screen reader, once, that an answer has ended, and what it says. */
export function Announcer(): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const id = useLast((_view, last) => last);
  const status = useLast(view => view?.status);
  const heard = React.useRef('');
  const [said, setSaid] = React.useState('');
  const running = status === 'pending' || status === 'streaming';
  React.useEffect(() => {
    if (running) {
      heard.current = id;
      setSaid('');
    } else if (heard.current === id) {
      heard.current = '';
      const view = model.message(id).get();
      if (!view) {
        return;
      }
      const text = textOf(view).slice(0, MAX_SPOKEN);
      setSaid(view.status === 'completed' ? text : trans.__('The answer has ended early. %1', text));
    }
  }, [running, model, id, trans]);
  return (
    <div className="aichat-unseen" role="status">
      {said}
    </div>
  );
}
