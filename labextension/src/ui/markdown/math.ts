import type { TokenizerAndRendererExtension } from 'marked';
import { escapeHtml } from './escape';

/** A display formula holds no blank line, as in LaTeX itself: so a block can be known to have ended. */
const NO_BLANK_LINE = String.raw`(?:(?!\n[ \t]*\n)[\s\S])+?`;
const BLOCK = new RegExp(String.raw`^ {0,3}(?:\$\$(${NO_BLANK_LINE})\$\$|\\\[(${NO_BLANK_LINE})\\\])[ \t]*(?:\n|$)`);
/** `$` touches what it holds, and no digit follows: "$5 and $6" is no formula. */
const INLINE = /^(?:\$\$([^\n]+?)\$\$|\$(?![\s$])((?:\\.|[^\\\n$])+?)(?<![\s\\])\$(?!\d)|\\\((.+?)\\\))/;

const block: TokenizerAndRendererExtension = {
  name: 'mathBlock',
  level: 'block',
  start: text => {
    // marked gives text that may begin in the middle of a line, so `^` would lie here
    const at = text.search(/\n {0,3}(?:\$\$|\\\[)/);
    return at < 0 ? undefined : at + 1;
  },
  tokenizer: text => {
    const match = BLOCK.exec(text);
    return match ? { type: 'mathBlock', raw: match[0], text: (match[1] ?? match[2]).trim() } : undefined;
  },
  renderer: token => `<div class="aichat-math aichat-math-display">${escapeHtml(String(token.text))}</div>`
};

const inline: TokenizerAndRendererExtension = {
  name: 'mathInline',
  level: 'inline',
  start: text => text.match(/\$|\\\(/)?.index,
  tokenizer: text => {
    const match = INLINE.exec(text);
    return match ? { type: 'mathInline', raw: match[0], text: match[1] ?? match[2] ?? match[3] } : undefined;
  },
  renderer: token => `<span class="aichat-math">${escapeHtml(String(token.text))}</span>`
};

/** LaTeX between `$`, `$$`, `\(` and `\[`, for marked: an element that holds the formula's text. */
export const MATH = [block, inline];
