import * as React from 'react';
import type { Rest } from '../client/rest';
import type { Host } from '../host';
import { isolated } from '../i18n';
import { useCell } from '../state/cell';
import { isRunning, textOf } from '../state/message-view';
import { SharedModel } from '../state/shared';
import { HostContext } from './context';
import { onMessageKey } from './message-keys';
import { MessageList } from './MessageList';
import { SharedMessage } from './SharedMessage';

interface Props {
  /** Requests with the reader's credentials, where somebody is logged in. */
  rest: Rest;
  /** A link's token, or the id of a share that is for the reader's account. */
  shareKey: string;
  host: Host;
  /** Takes the reader to the login; absent where somebody is logged in. */
  onLogin?(): void;
}

const MAX_SPOKEN = 1000;

/** Somebody else's chat, live, to be read only. */
export function SharedChat({ rest, shareKey, host, onLogin }: Props): React.ReactElement {
  const model = React.useMemo(() => new SharedModel(rest, shareKey), [rest, shareKey]);
  React.useEffect(() => {
    model.start();
    return () => model.dispose();
  }, [model]);
  const { state, title, sharedBy, path } = useCell(model.chat);
  const { trans } = host;
  return (
    <HostContext.Provider value={host}>
      <main
        className="aichat aichat-shared"
        dir={host.dir ?? 'ltr'}
        data-host={host.name}
        data-state={state}
        onKeyDown={event => {
          if (!event.defaultPrevented && onMessageKey(event)) {
            event.preventDefault();
          }
        }}
      >
        {path.length > 0 || sharedBy ? (
          <>
            <header className="aichat-shared-header">
              <h1 dir="auto">{title || trans.__('New chat')}</h1>
              <p className="aichat-quiet">{trans.__('Shared by %1, to be read only', isolated(sharedBy))}</p>
            </header>
            <Status model={model} host={host} />
            <Earlier model={model} host={host} />
            <MessageList
              ids={path}
              label={trans.__('Messages')}
              trans={trans}
              renderMessage={id => <SharedMessage id={id} model={model} by={sharedBy} />}
            />
          </>
        ) : (
          <Nothing state={state} host={host} onLogin={onLogin} />
        )}
        <Announcer model={model} host={host} />
      </main>
    </HostContext.Provider>
  );
}

function Status({ model, host: { trans } }: { model: SharedModel; host: Host }): React.ReactElement {
  const { state } = useCell(model.chat);
  const said =
    state === 'reconnecting'
      ? trans.__('Reconnecting …')
      : state === 'ended' || state === 'unauthenticated'
        ? trans.__('This chat is not shared any more. What you see may be out of date.')
        : '';
  return (
    <div className={said ? 'aichat-strip' : 'aichat-strip-none'} role="status">
      {said}
    </div>
  );
}

/** The way to what stands before the messages that are shown. */
function Earlier({ model, host: { trans } }: { model: SharedModel; host: Host }): React.ReactElement | null {
  const { earlier } = useCell(model.chat);
  const [failed, setFailed] = React.useState(false);
  const [loading, setLoading] = React.useState(false);
  if (earlier === null) {
    return null;
  }
  const load = (): void => {
    setLoading(true);
    model
      .loadEarlier()
      .then(
        () => setFailed(false),
        () => setFailed(true)
      )
      .finally(() => setLoading(false));
  };
  return (
    <p className="aichat-shared-earlier">
      <button type="button" className="aichat-link" disabled={loading} onClick={load}>
        {failed ? trans.__('Earlier messages cannot be read right now. Retry') : trans.__('Earlier messages')}
      </button>
    </p>
  );
}

function Nothing({
  state,
  host: { trans },
  onLogin
}: Pick<Props, 'host' | 'onLogin'> & { state: string }): React.ReactElement {
  if (state !== 'ended' && state !== 'unauthenticated') {
    return (
      <div className="aichat-state" role="status">
        {state === 'reconnecting' && <p className="aichat-quiet">{trans.__('Reconnecting …')}</p>}
      </div>
    );
  }
  return (
    <div className="aichat-state" role="alert">
      <h1>{trans.__('There is nothing to read here')}</h1>
      <p>
        {onLogin
          ? trans.__('The link is wrong or has ended, or the chat was shared with an account: log in to see it.')
          : trans.__('The link is wrong or has ended. Ask whoever shared it for another.')}
      </p>
      {onLogin && (
        <button type="button" className="aichat-button aichat-primary" onClick={onLogin}>
          {trans.__('Log in')}
        </button>
      )}
    </div>
  );
}

/** Tells a screen reader, once, that an answer has ended, and what it says. */
function Announcer({ model, host: { trans } }: { model: SharedModel; host: Host }): React.ReactElement {
  const { path } = useCell(model.chat);
  const id = path.at(-1) ?? '';
  const cell = React.useMemo(() => model.message(id), [model, id]);
  const status = React.useSyncExternalStore(cell.subscribe, () => cell.get()?.status);
  const heard = React.useRef('');
  const [said, setSaid] = React.useState('');
  React.useEffect(() => {
    const view = cell.get();
    if (view && isRunning(view)) {
      heard.current = id;
      setSaid('');
    } else if (view && heard.current === id) {
      heard.current = '';
      const text = textOf(view).slice(0, MAX_SPOKEN);
      setSaid(view.status === 'completed' ? text : trans.__('The answer has ended early. %1', text));
    }
  }, [status, cell, id, trans]);
  return (
    <div className="aichat-unseen" role="status">
      {said}
    </div>
  );
}
