import * as React from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { Trans } from '../i18n';
import { Icon } from './icons';
import { useKeptFocus } from './useKeptFocus';
import { useStickToBottom } from './useStickToBottom';

interface Props {
  ids: readonly string[];
  label: string;
  trans: Trans;
  renderMessage(id: string): React.ReactNode;
}

const VIRTUAL_FROM = 50;
const ESTIMATE_PX = 160;

/** The messages of a branch. Long ones keep only what is near the view in the document. */
export function MessageList(props: Props): React.ReactElement {
  const scroller = React.useRef<HTMLDivElement>(null);
  const virtual = props.ids.length > VIRTUAL_FROM;
  const { away, grown, toBottom } = useStickToBottom(scroller, props.ids.length);
  useKeptFocus(scroller, props.ids);
  return (
    <div className="aichat-log-frame">
      <div ref={scroller} className="aichat-log" role="log" aria-label={props.label} aria-live="off" tabIndex={0}>
        {virtual ? <VirtualRows {...props} scroller={scroller} /> : <Rows {...props} />}
      </div>
      {away && (
        <button type="button" className="aichat-pill" onClick={toBottom}>
          <Icon name="down" />{' '}
          {grown ? props.trans._n('%1 new line', '%1 new lines', grown) : props.trans.__('To the end')}
        </button>
      )}
    </div>
  );
}

const Rows = ({ ids, renderMessage }: Props): React.ReactElement => (
  <div role="list">
    {ids.map((id, index) => (
      <div
        key={id}
        className="aichat-row"
        data-id={id}
        aria-setsize={ids.length}
        aria-posinset={index + 1}
        role="listitem"
      >
        {renderMessage(id)}
      </div>
    ))}
  </div>
);

function VirtualRows({
  ids,
  renderMessage,
  scroller
}: Props & { scroller: React.RefObject<HTMLDivElement> }): React.ReactElement {
  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ESTIMATE_PX,
    overscan: 4,
    getItemKey: index => ids[index],
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: 40
  });
  React.useLayoutEffect(() => {
    rows.scrollToEnd();
    // only when the list is mounted: afterwards the reader decides
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return (
    <div role="list" className="aichat-rows" style={{ height: rows.getTotalSize() }}>
      {rows.getVirtualItems().map(row => (
        <div
          key={row.key}
          ref={rows.measureElement}
          data-index={row.index}
          data-id={ids[row.index]}
          className="aichat-row aichat-row-virtual"
          style={{ transform: `translateY(${row.start}px)` }}
          role="listitem"
          aria-setsize={ids.length}
          aria-posinset={row.index + 1}
        >
          {renderMessage(ids[row.index])}
        </div>
      ))}
    </div>
  );
}
