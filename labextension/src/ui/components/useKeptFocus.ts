import * as React from 'react';
import { focusedIn } from './keys';

interface Place {
  row: string;
  action: string | undefined;
}

/**
 * Keeps the keyboard where it was when another version takes a message's place: on the same button, else on the message.
 */
export function useKeptFocus(log: React.RefObject<HTMLElement>, ids: readonly string[]): void {
  const place = React.useRef<Place | null>(null);
  React.useEffect(() => {
    const root = log.current!.getRootNode();
    const onPlace = ({ target }: Event): void => {
      const element = target as HTMLElement;
      const row = log.current?.contains(element) && element.closest('.aichat-row')?.getAttribute('aria-posinset');
      place.current = row ? { row, action: element.closest<HTMLElement>('[data-action]')?.dataset.action } : null;
    };
    root.addEventListener('focusin', onPlace);
    root.addEventListener('pointerdown', onPlace); // on what takes no focus, too: a person is elsewhere then
    return () => {
      root.removeEventListener('focusin', onPlace);
      root.removeEventListener('pointerdown', onPlace);
    };
  }, [log]);
  React.useEffect(() => {
    const element = log.current!;
    const { row, action } = place.current ?? {};
    if (!row || element.contains(focusedIn(element))) {
      return;
    }
    const message = element.querySelector<HTMLElement>(`.aichat-row[aria-posinset="${row}"] .aichat-message`);
    const button = action && message?.querySelector<HTMLElement>(`[data-action="${action}"]:not(:disabled)`);
    (button || message)?.focus({ preventScroll: true });
  }, [log, ids]);
}
