import * as React from 'react';

/** The keyboard goes along with a chat that is moved under another heading, on the same button of it. */
export function useFollowedFocus(list: React.RefObject<HTMLElement>, items: unknown): void {
  const last = React.useRef<HTMLElement | null>(null);
  const seen = React.useRef(false);
  React.useEffect(() => {
    const root = list.current!.getRootNode();
    const onPlace = ({ target }: Event): void => {
      last.current = list.current?.contains(target as Node) ? (target as HTMLElement).closest('button') : null;
      seen.current = last.current?.matches(':focus-visible') ?? false;
    };
    root.addEventListener('focusin', onPlace);
    root.addEventListener('pointerdown', onPlace); // on what takes no focus, too: a person is elsewhere then
    return () => {
      root.removeEventListener('focusin', onPlace);
      root.removeEventListener('pointerdown', onPlace);
    };
  }, [list]);
  React.useLayoutEffect(() => {
    if (!last.current || last.current.isConnected) {
      return;
    }
    const chat = last.current.closest<HTMLElement>('[data-chat]')?.dataset.chat;
    const kind = last.current.classList.contains('aichat-item-menu') ? '.aichat-item-menu' : '.aichat-item-title';
    const there = [...list.current!.querySelectorAll<HTMLElement>('[data-chat]')].find(
      each => each.dataset.chat === chat
    );
    last.current = null;
    there?.querySelector<HTMLElement>(kind)?.focus({ preventScroll: !seen.current });
  }, [list, items]);
}
