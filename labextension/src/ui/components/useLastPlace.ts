import * as React from 'react';

/**
 * Where in `within` the keyboard was last, as `placeOf` (the same function each time) says it; null where a person has gone elsewhere.
 */
export function useLastPlace<T>(
  within: React.RefObject<HTMLElement>,
  placeOf: (element: HTMLElement, within: HTMLElement) => T | null
): React.MutableRefObject<T | null> {
  const place = React.useRef<T | null>(null);
  React.useEffect(() => {
    const root = within.current!.getRootNode();
    const onPlace = ({ target }: Event): void => {
      const element = target as HTMLElement;
      place.current = within.current?.contains(element) ? placeOf(element, within.current) : null;
    };
    root.addEventListener('focusin', onPlace);
    root.addEventListener('pointerdown', onPlace); // on what takes no focus, too: a person is elsewhere then
    return () => {
      root.removeEventListener('focusin', onPlace);
      root.removeEventListener('pointerdown', onPlace);
    };
  }, [within, placeOf]);
  return place;
}
