import * as React from 'react';
import { asApiError } from '../client/errors';
import type { ReceivedShare } from '../protocol.generated';
import { useChat } from './context';
import { Dialog } from './parts';
import { useRowFocus } from './useRowFocus';

/** The chats that others have shared with this person. */
export function ReceivedDialog({ open, onClose }: { open: boolean; onClose(): void }): React.ReactElement {
  const { trans } = useChat().host;
  return (
    <Dialog open={open} title={trans.__('Shared with me')} onClose={onClose}>
      <Received />
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={onClose}>
          {trans.__('Close')}
        </button>
      </div>
    </Dialog>
  );
}

function Received(): React.ReactElement {
  const { model, host } = useChat();
  const { trans, sharedUrl } = host;
  const [items, setItems] = React.useState<readonly ReceivedShare[] | null>(null);
  const [next, setNext] = React.useState<string | null>(null);
  const [error, setError] = React.useState('');
  const place = React.useRef<HTMLDivElement>(null);
  useRowFocus(place, items);
  const load = React.useCallback(
    async (cursor: string | null): Promise<void> => {
      try {
        const page = await model.shares.received(cursor);
        setItems(before => [...(cursor === null ? [] : (before ?? [])), ...page.items]);
        setNext(page.next);
        setError('');
      } catch (failure) {
        setError(asApiError(failure).message);
      }
    },
    [model]
  );
  React.useEffect(() => void load(null), [load]);
  const remove = async (id: string): Promise<void> => {
    try {
      await model.shares.leave(id);
      setItems(before => before?.filter(each => each.id !== id) ?? null);
      setError('');
    } catch (failure) {
      setError(asApiError(failure).message);
    }
  };
  return (
    <div ref={place} tabIndex={-1} aria-busy={items === null && !error}>
      {error && (
        <p className="aichat-error-line" role="alert">
          {error}
        </p>
      )}
      {items?.length === 0 && next === null && <p className="aichat-quiet">{trans.__('Nothing yet.')}</p>}
      <ul className="aichat-share-list">
        {items?.map(each => (
          <li key={each.id}>
            <span className="aichat-share-what">
              <a href={sharedUrl?.(each.id)} target="_blank" rel="noreferrer" dir="auto">
                {each.title || trans.__('New chat')}
              </a>{' '}
              <span className="aichat-quiet" dir="auto">
                {each.shared_by}
              </span>
            </span>
            <button
              type="button"
              className="aichat-link"
              aria-label={trans.__('Remove: %1', each.title || trans.__('New chat'))}
              onClick={() => void remove(each.id)}
            >
              {trans.__('Remove')}
            </button>
          </li>
        ))}
      </ul>
      {next !== null && (
        <button type="button" className="aichat-link" onClick={() => void load(next)}>
          {trans.__('More')}
        </button>
      )}
    </div>
  );
}
