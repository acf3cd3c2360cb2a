import * as React from 'react';
import type { ApiError } from '../../ui/client/errors';
import { useService } from '../context';
import { Link } from '../parts/Link';
import { sentenceOf } from '../parts/words';
import { Entrance } from './Entrance';

const AGAIN_MS = 5_000;

/** Nobody answers: it is tried again by itself, and at once by a click. */
export function Away({ error }: { error: ApiError }): React.ReactElement {
  const { session, trans } = useService();
  React.useEffect(() => {
    const timer = setInterval(() => void session.start(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [session]);
  return (
    <Entrance title={trans.__('The chat cannot be reached')}>
      <p role="alert">{sentenceOf(error, trans)}</p>
      <button type="button" className="aichat-button aichat-primary" onClick={() => void session.start()}>
        {trans.__('Try now')}
      </button>
    </Entrance>
  );
}

/** An address that is none of ours. */
export function Unknown(): React.ReactElement {
  const { trans } = useService();
  return (
    <Entrance title={trans.__('There is nothing here')}>
      <p>{trans.__('The address is not complete, or what it led to is gone.')}</p>
      <Link to={{ view: 'chat', chatId: null }}>{trans.__('To the chats')}</Link>
    </Entrance>
  );
}
