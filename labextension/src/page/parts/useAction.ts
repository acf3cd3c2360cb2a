import * as React from 'react';
import { asApiError, type ApiError } from '../../ui/client/errors';

export interface Action<A extends unknown[]> {
  busy: boolean;
  error: ApiError | null;
  /** Does it, unless it is under way; resolves to whether it was done. */
  run(...args: A): Promise<boolean>;
  clear(): void;
}

/** Something that a person lets happen: whether it is under way, and why it failed. */
export function useAction<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Action<A> {
  const [state, setState] = React.useState<{ busy: boolean; error: ApiError | null }>({ busy: false, error: null });
  const busy = React.useRef(false);
  const run = async (...args: A): Promise<boolean> => {
    if (busy.current) {
      return false;
    }
    busy.current = true;
    setState({ busy: true, error: null });
    try {
      await act(...args);
      setState({ busy: false, error: null });
      return true;
    } catch (failure) {
      setState({ busy: false, error: asApiError(failure) });
      return false;
    } finally {
      busy.current = false;
    }
  };
  return { ...state, run, clear: () => setState({ busy: busy.current, error: null }) };
}
