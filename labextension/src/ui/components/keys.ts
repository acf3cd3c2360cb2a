import type * as React from 'react';
import type { Host } from '../host';

/** Whether an input method is at work: its Enter chooses a word and sends nothing. */
export const isComposing = (event: React.KeyboardEvent): boolean =>
  event.nativeEvent.isComposing || event.keyCode === 229;

/** Whether a key sends what is written; Ctrl/Cmd+Enter always does. */
export function sends(event: React.KeyboardEvent, host: Host): boolean {
  if (event.key !== 'Enter' || isComposing(event)) {
    return false;
  }
  return event.ctrlKey || event.metaKey || (host.sendKey !== 'mod-enter' && !event.shiftKey && !event.altKey);
}

/** What is focused in a document or a shadow root. */
export const focusedIn = (node: Node): Element | null => (node.getRootNode() as Document | ShadowRoot).activeElement;
