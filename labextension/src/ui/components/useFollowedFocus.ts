import * as React from 'react';

/**
 * The keyboard goes along with a chat that is moved under another heading, on the same button of it; from one that is gone
 * it goes to the chat that stands there now.
 */
export function useFollowedFocus(list: React.RefObject<HTMLElement>, items: unknown): void {
  const last = React.useRef<HTMLElement | null>(null);
  const index = React.useRef(0);
  const seen = React.useRef(false);
  React.useEffect(() => {
    const root = list.current!.getRootNode();
    const onPlace = ({ target }: Event): void => {
      last.current = list.current?.contains(target as Node) ? (target as HTMLElement).closest('button') : null;
      index.current = last.current ? chatsIn(list.current!).indexOf(last.current.closest(CHAT)!) : 0;
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
    const chat = last.current.closest<HTMLElement>(CHAT)?.dataset.chat;
    const kind = last.current.classList.contains('aichat-item-menu') ? '.aichat-item-menu' : '.aichat-item-title';
    const chats = chatsIn(list.current!);
    const there = chat && (chats.find(each => each.dataset.chat === chat) ?? chats[index.current] ?? chats.at(-1));
    last.current = null;
    (there || null)?.querySelector<HTMLElement>(kind)?.focus({ preventScroll: !seen.current });
  }, [list, items]);
}

const CHAT = '[data-chat]';

const chatsIn = (list: HTMLElement): HTMLElement[] => [...list.querySelectorAll<HTMLElement>(CHAT)];
