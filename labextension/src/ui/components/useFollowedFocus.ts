import * as React from 'react';
import { useLastPlace } from './useLastPlace';

interface Place {
  button: HTMLElement;
  /** Of its chat in the list. */
  index: number;
  /** Whether the focus was to be seen. */
  seen: boolean;
}

/**
 * The keyboard goes along with a chat that is moved under another heading, on the same button of it; from one that is gone
 * it goes to the chat that stands there now.
 */
export function useFollowedFocus(list: React.RefObject<HTMLElement>, items: unknown): void {
  const last = useLastPlace(list, placeOf);
  React.useLayoutEffect(() => {
    if (!last.current || last.current.button.isConnected) {
      return;
    }
    const { button, index, seen } = last.current;
    last.current = null;
    const chat = button.closest<HTMLElement>(CHAT)?.dataset.chat;
    const kind = button.classList.contains('aichat-item-menu') ? '.aichat-item-menu' : '.aichat-item-title';
    const chats = chatsIn(list.current!);
    const there = chat && (chats.find(each => each.dataset.chat === chat) ?? chats[index] ?? chats.at(-1));
    (there || null)?.querySelector<HTMLElement>(kind)?.focus({ preventScroll: !seen });
  }, [list, items, last]);
}

const CHAT = '[data-chat]';

const chatsIn = (list: HTMLElement): HTMLElement[] => [...list.querySelectorAll<HTMLElement>(CHAT)];

function placeOf(element: HTMLElement, list: HTMLElement): Place | null {
  const button = element.closest('button');
  const index = button ? chatsIn(list).indexOf(button.closest(CHAT)!) : 0;
  return button && { button, index, seen: button.matches(':focus-visible') };
}
