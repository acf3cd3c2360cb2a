import * as React from 'react';
import { focusedIn } from './keys';

/** The keyboard goes on to the composer when the button in this place that had it is gone: with `shown`, or the place itself. */
export function usePassedFocus(place: React.RefObject<HTMLElement>, shown: unknown): void {
  const last = React.useRef<Element | null>(null);
  React.useLayoutEffect(() => {
    const element = place.current!;
    const root = element.getRootNode();
    const onPlace = ({ target }: Event): void => {
      last.current = element.contains(target as Node) ? (target as Element).closest('button') : null;
    };
    root.addEventListener('focusin', onPlace);
    root.addEventListener('pointerdown', onPlace); // on what takes no focus, too: a person is elsewhere then
    return () => {
      root.removeEventListener('focusin', onPlace);
      root.removeEventListener('pointerdown', onPlace);
      if (element.contains(focusedIn(element))) {
        focusComposer(element);
      }
    };
  }, [place]);
  React.useLayoutEffect(() => {
    if (last.current && !last.current.isConnected) {
      last.current = null;
      focusComposer(place.current!);
    }
  }, [place, shown]);
}

const focusComposer = (element: HTMLElement): void =>
  element.closest('.aichat')?.querySelector<HTMLElement>('.aichat-composer textarea')?.focus();
