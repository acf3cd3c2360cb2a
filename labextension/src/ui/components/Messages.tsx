import * as React from 'react';
import { useCell } from '../state/cell';
import { useChat } from './context';
import { Empty } from './Empty';
import { Message } from './Message';
import { MessageList } from './MessageList';

/** The shown branch of the open chat, or what to do where there is none. */
export function Messages(): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const { path, status, error, chatId } = useCell(model.current);
  if (status === 'error') {
    return (
      <div className="aichat-state" role="alert">
        <p>{trans.__('This chat cannot be read right now.')}</p>
        <p className="aichat-quiet">{error?.message}</p>
        <button type="button" className="aichat-button" onClick={() => void model.openChat(chatId)}>
          {trans.__('Retry')}
        </button>
      </div>
    );
  }
  if (status === 'loading' && !path.length) {
    return <div className="aichat-state" aria-busy="true" />;
  }
  if (!path.length) {
    return <Empty />;
  }
  return (
    <MessageList ids={path} label={trans.__('Messages')} trans={trans} renderMessage={id => <Message id={id} />} />
  );
}
