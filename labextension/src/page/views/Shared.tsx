import * as React from 'react';
import { Rest } from '../../ui/client/rest';
import { SharedChat } from '../../ui/components/SharedChat';
import type { Host } from '../../ui/host';
import { useCell } from '../../ui/state/cell';
import { useService } from '../context';
import { useTitle } from '../parts/Frame';

/** Somebody else's chat; who is not logged in is offered to, since it may be shared with an account. */
export function Shared({ token }: { token: string }): React.ReactElement {
  const { session, router, url, trans } = useService();
  const { state } = useCell(session.standing);
  useTitle(trans.__('A shared chat'));
  const rest = React.useMemo(() => new Rest({ url, fetch: session.fetch }), [url, session]);
  const host = React.useMemo<Host>(() => ({ name: 'page', trans }), [trans]);
  const login = (): void => router.go({ view: 'login', next: `shared/${token}` });
  return (
    <div className="aichat-page">
      <SharedChat
        key={`${token} ${state}`}
        rest={rest}
        shareKey={token}
        host={host}
        onLogin={state === 'out' ? login : undefined}
      />
    </div>
  );
}
