import type * as React from 'react';
import { focusedIn } from './keys';

const ACTIONS: Record<string, string | undefined> = {
  c: 'copy',
  r: 'regenerate',
  e: 'edit',
  ArrowLeft: 'previous',
  ArrowRight: 'next'
};

/**
 * Alt+↑/↓ go from message to message, also from the box; on a message C copies, R regenerates, E edits, ←/→ show other
 * versions. Says whether the key was one of these.
 */
export function onMessageKey(event: React.KeyboardEvent<HTMLElement>): boolean {
  const chat = event.currentTarget;
  const messages = [...chat.querySelectorAll<HTMLElement>('.aichat-message')];
  const focused = focusedIn(chat);
  const at = messages.findIndex(message => message.contains(focused));
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    return move(chat, messages, at, event.key === 'ArrowUp');
  }
  const action = ACTIONS[event.key];
  if (!action || at < 0 || messages[at] !== focused || event.ctrlKey || event.metaKey || event.altKey) {
    return false;
  }
  messages[at].querySelector<HTMLElement>(`.aichat-actions [data-action="${action}"]`)?.click();
  return true;
}

/** Below the last message stands the box. */
function move(chat: HTMLElement, messages: readonly HTMLElement[], at: number, up: boolean): boolean {
  if (!up && (at < 0 || at === messages.length - 1)) {
    chat.querySelector<HTMLElement>('.aichat-composer textarea')?.focus();
  } else if (up && at < 0) {
    messages.at(-1)?.focus();
  } else {
    messages[Math.max(0, at + (up ? -1 : 1))].focus();
  }
  return true;
}
