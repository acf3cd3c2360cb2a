import * as React from 'react';
import { Dialog, Menu, type Item } from '../../ui/components/parts';
import { useCell } from '../../ui/state/cell';
import type { MeReply } from '../../ui/protocol.generated';
import { useService } from '../context';
import { forgetTexts } from '../kept';
import { Failed } from './forms';
import { useAction } from './useAction';

/** Who is logged in, and what that person may do beside chatting. */
export function AccountMenu({ me }: { me: MeReply }): React.ReactElement {
  const { session, router, hub, theme, trans } = useService();
  const dark = useIsDark(useCell(theme.theme));
  const leaving = useAction(async () => {
    await session.logout();
    forgetTexts();
    if (hub) {
      location.assign(hub.logoutUrl); // else one click there would let the next person in
    }
  });
  const items: Item[] = [
    { label: trans.__('Settings'), run: () => router.go({ view: 'settings', part: 'profile' }) },
    ...(me.scopes.includes('admin')
      ? [{ label: trans.__('Administration'), run: () => router.go({ view: 'admin', part: 'users' }) }]
      : []),
    {
      label: dark ? trans.__('Light colours') : trans.__('Dark colours'),
      run: () => theme.choose(dark ? 'light' : 'dark')
    },
    { label: trans.__('Log out'), run: () => void leaving.run() }
  ];
  return (
    <>
      <Menu
        className="aichat-avatar"
        label={trans.__('Account of %1', me.display_name)}
        items={items}
        note={<span dir="auto">{me.display_name}</span>}
      >
        <span aria-hidden="true">{initial(me.display_name || me.name)}</span>
      </Menu>
      <Dialog open={leaving.error !== null} title={trans.__('You are still logged in')} onClose={leaving.clear}>
        <Failed error={leaving.error} />
        <div className="aichat-dialog-actions">
          <button type="button" className="aichat-button" onClick={leaving.clear}>
            {trans.__('Stay')}
          </button>
          <button type="button" className="aichat-button aichat-primary" onClick={() => void leaving.run()}>
            {trans.__('Try again')}
          </button>
        </div>
      </Dialog>
    </>
  );
}

const DARK = '(prefers-color-scheme: dark)';

function useIsDark(theme: string): boolean {
  const query = React.useMemo(() => window.matchMedia(DARK), []);
  const system = React.useSyncExternalStore(
    changed => {
      query.addEventListener('change', changed);
      return () => query.removeEventListener('change', changed);
    },
    () => query.matches
  );
  return theme === 'system' ? system : theme === 'dark';
}

/** The first letter as a reader sees it, accents and surrogate pairs included. */
const initial = (name: string): string =>
  [...new Intl.Segmenter().segment(name)][0]?.segment.toLocaleUpperCase() ?? '?';
