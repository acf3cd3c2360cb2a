import * as React from 'react';
import { useLastPlace } from './useLastPlace';

interface Held {
  element: HTMLElement;
  /** Of the row; behind all rows for what stands in none. */
  index: number;
}

/**
 * The keyboard stays in a list when what had it is gone with `items`: on the row that stands there now, else on the place
 * itself, which takes the focus (`tabIndex` -1).
 */
export function useRowFocus(place: React.RefObject<HTMLElement>, items: unknown): void {
  const held = useLastPlace(place, heldIn);
  React.useLayoutEffect(() => {
    if (!held.current || held.current.element.isConnected) {
      return;
    }
    const { index } = held.current;
    held.current = null;
    const rows = rowsIn(place.current!);
    const near = [...rows.slice(index), ...rows.slice(0, index).reverse()];
    const buttons = near.map(row => row.querySelector<HTMLElement>('button:not(:disabled)'));
    (buttons.find(Boolean) ?? place.current)?.focus();
  }, [place, items, held]);
}

const rowsIn = (place: HTMLElement): HTMLElement[] => [...place.querySelectorAll<HTMLElement>('li')];

function heldIn(element: HTMLElement, place: HTMLElement): Held {
  const rows = rowsIn(place);
  const row = element.closest('li');
  return row ? { element: row, index: rows.indexOf(row) } : { element, index: rows.length };
}
