import * as React from 'react';
import { useRowFocus } from '../../ui/components/useRowFocus';
import { useService } from '../context';
import { Failed } from './forms';
import type { List } from './useList';

/** What stands around a list: that it is read, that it cannot be, that nothing is in it, and the way to more. */
export function Listing<T>(p: { list: List<T>; empty: string; children: React.ReactNode }): React.ReactElement {
  const { trans } = useService();
  const { list } = p;
  const place = React.useRef<HTMLDivElement>(null);
  useRowFocus(place, list);
  return (
    <div ref={place} tabIndex={-1} className="aichat-listing" aria-busy={list.status === 'loading'}>
      {list.items.length > 0 && p.children}
      {list.status === 'loading' && <p className="aichat-quiet">{trans.__('Loading …')}</p>}
      {list.status === 'ready' && !list.items.length && <p className="aichat-quiet">{p.empty}</p>}
      {list.status === 'error' && (
        <>
          <Failed error={list.error} />
          <button type="button" className="aichat-button" onClick={() => void list.reload()}>
            {trans.__('Retry')}
          </button>
        </>
      )}
      {list.next && list.status === 'ready' && (
        <button type="button" className="aichat-link aichat-more" onClick={() => void list.more()}>
          {trans.__('Show more')}
        </button>
      )}
    </div>
  );
}
