import * as React from 'react';
import { asApiError, type ApiError } from '../../ui/client/errors';
import type { Page } from '../api/page';

export interface List<T> {
  items: readonly T[];
  next: string | null;
  status: 'loading' | 'ready' | 'error';
  error: ApiError | null;
  reload(): Promise<void>;
  more(): Promise<void>;
}

type Read<T> = (cursor: string | null) => Promise<Page<T>>;

/** A list of the service's, read page by page; `key` names what is listed, and another one begins anew. */
export function useList<T>(read: Read<T>, key = ''): List<T> {
  const [state, setState] = React.useState<Omit<List<T>, 'reload' | 'more'>>(EMPTY);
  const turn = React.useRef(0);
  const reader = React.useRef(read);
  reader.current = read;
  const load = React.useCallback(async (cursor: string | null): Promise<void> => {
    const mine = ++turn.current;
    try {
      const page = await reader.current(cursor);
      if (mine === turn.current) {
        setState(before => ({ ...READY, items: [...(cursor ? before.items : []), ...page.items], next: page.next }));
      }
    } catch (failure) {
      if (mine === turn.current) {
        setState(before => ({ ...before, status: 'error', error: asApiError(failure) }));
      }
    }
  }, []);
  React.useEffect(() => {
    setState(EMPTY);
    void load(null);
    const turns = turn;
    return () => void turns.current++; // what is under way comes too late
  }, [load, key]);
  return { ...state, reload: () => load(null), more: () => load(state.next) };
}

const EMPTY = { items: [], next: null, status: 'loading', error: null } as const;
const READY = { status: 'ready', error: null } as const;
