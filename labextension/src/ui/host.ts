import type { ReactElement } from 'react';
import type { Trans } from './i18n';

/** What differs between JupyterLab, a notebook's widget and the page. No host type appears in src/ui. */
export interface Host {
  name: 'lab' | 'widget' | 'page';
  /** The translations; the extractor only sees `trans.__('literal')`. */
  trans: Trans;
  dir?: 'ltr' | 'rtl';
  /** Puts code where the person works; absent where there is no such place. */
  insertCode?(code: string, language: string): void;
  /** Gives the keyboard back to the host. */
  leave?(): void;
  /** Example questions that fit what is open; undefined where nothing is. */
  examples?(): string[] | undefined;
  /** `mod-enter`: Enter makes a new line, Ctrl/Cmd+Enter sends. */
  sendKey?: 'enter' | 'mod-enter';
  /** Stands at the end of the header. */
  corner?: ReactElement;
  /** The address at which others read a shared chat, by its key; absent where chats cannot be shared. */
  sharedUrl?(key: string): string;
  /** Where files can be saved beside downloading them: what is said on the button, and what does it. */
  place?: { label(): string; save(data: Blob, name: string): Promise<void> };
  /** The models are a service's: who chats installs none. */
  served?: boolean;
  /** No header and no list of chats. */
  compact?: boolean;
}
