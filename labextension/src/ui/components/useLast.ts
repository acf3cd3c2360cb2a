import * as React from 'react';
import { useCell } from '../state/cell';
import type { MessageView } from '../state/message-view';
import { useChat } from './context';

/**
 * What `select` takes from the last message of the shown branch. A growing text wakes only who selects it, so select
 * plain values, or objects that the message keeps.
 */
export function useLast<T>(select: (view: MessageView | undefined, id: string) => T): T {
  const { model } = useChat();
  const { path } = useCell(model.current);
  const id = path[path.length - 1] ?? '';
  const cell = React.useMemo(() => model.message(id), [model, id]);
  return React.useSyncExternalStore(cell.subscribe, () => select(cell.get(), id));
}
