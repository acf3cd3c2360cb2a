import * as React from 'react';
import type { ConnectionState } from '../client/client';
import type { Trans } from '../i18n';
import { useCell } from '../state/cell';
import { useChat } from './context';

const VISIBLE_AFTER_MS = 1000;

/** One line while the server is not heard; nothing for a moment's silence. */
export function Strip(): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  const connection = useCell(model.connection);
  const [late, setLate] = React.useState(false);
  const away = connection.state !== 'online';
  React.useEffect(() => {
    setLate(false);
    if (away) {
      const timer = setTimeout(() => setLate(true), VISIBLE_AFTER_MS);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [away]);
  if (connection.state === 'refused') {
    return (
      <div className="aichat-strip aichat-strip-error" role="status">
        <span>{whyRefused(connection.why, trans)}</span>
        <button type="button" className="aichat-link" onClick={model.reconnect}>
          {trans.__('Retry')}
        </button>
      </div>
    );
  }
  if (!away || !late) {
    return <div className="aichat-strip-none" role="status" />;
  }
  return (
    <div className="aichat-strip" role="status">
      <span>{whyAway(connection, trans)}</span>
      <button type="button" className="aichat-link" onClick={model.reconnect}>
        {trans.__('Try now')}
      </button>
    </div>
  );
}

function whyAway({ state, why }: ConnectionState, trans: Trans): string {
  if (why === 'service_away') {
    return trans.__('The chat service does not answer. Trying again …');
  }
  if (why === 'not_the_service') {
    return trans.__('What answers in the place of the chat service is not it: is its address right? Trying again …');
  }
  return state === 'connecting' ? trans.__('Connecting …') : trans.__('Reconnecting …');
}

function whyRefused(why: ConnectionState['why'], trans: Trans): string {
  switch (why) {
    case 'unauthenticated':
      return trans.__('You are logged out. Log in again; this goes on by itself.');
    case 'forbidden':
      return trans.__('You may not use the chat of this server any more.');
    case 'service_token':
      return trans.__("The chat service does not take this server's token. Make a new one on its page, under Tokens.");
    case 'hub_token':
      return trans.__(
        'The chat service does not take what the Hub gave this server. Stop your server and start it again, in the Hub Control Panel.'
      );
    default:
      return trans.__('The server does not take what this page sends. Reload the page.');
  }
}
