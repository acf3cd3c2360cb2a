import * as React from 'react';
import { focusedIn } from './keys';
import { useLastPlace } from './useLastPlace';

interface Place {
  row: string;
  action: string | undefined;
}

/**
 * Keeps the keyboard where it was when another version takes a message's place: on the same button, else on the message.
 */
export function useKeptFocus(log: React.RefObject<HTMLElement>, ids: readonly string[]): void {
  const place = useLastPlace(log, placeOf);
  React.useEffect(() => {
    const element = log.current!;
    const { row, action } = place.current ?? {};
    if (!row || element.contains(focusedIn(element))) {
      return;
    }
    const message = element.querySelector<HTMLElement>(`.aichat-row[aria-posinset="${row}"] .aichat-message`);
    const button = action && message?.querySelector<HTMLElement>(`[data-action="${action}"]:not(:disabled)`);
    (button || message)?.focus({ preventScroll: true });
  }, [log, ids, place]);
}

function placeOf(element: HTMLElement): Place | null {
  const row = element.closest('.aichat-row')?.getAttribute('aria-posinset');
  return row ? { row, action: element.closest<HTMLElement>('[data-action]')?.dataset.action } : null;
}
