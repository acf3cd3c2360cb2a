import type { Token } from 'marked';
import { isShown } from './lex';

/** How much of a text can no longer change, whatever comes: its characters, and the blocks in them. */
export interface Settled {
  length: number;
  blocks: number;
}

const NOTHING: Settled = { length: 0, blocks: 0 };

/**
 * Finds the last blank line with two blocks after it: one block may still change the meaning of the one before (`2` may
 * become `2.`, a lone `#` may become `#x`).
 */
export function settledOf(tokens: readonly Token[], length: number): Settled {
  const shown = tokens.filter(isShown).length;
  let at = 0;
  let seen = 0;
  let blank = NOTHING;
  let settled = NOTHING;
  for (const token of tokens) {
    at += token.raw.length;
    seen += isShown(token) ? 1 : 0;
    if (token.raw.endsWith('\n\n') || (token.type === 'space' && token.raw.length > 1)) {
      blank = { length: at, blocks: seen };
    }
    if (shown - seen >= 2) {
      settled = blank;
    }
  }
  // marked drops repeated definitions without a token: then the lengths are no places, and we wait
  return at === length ? settled : NOTHING;
}
