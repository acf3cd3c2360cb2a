import { Lexer, Marked, type Token, type TokensList } from 'marked';
import { escapeHtml } from './escape';
import { MATH } from './math';
import { shallow } from './shallow';

/** Link definitions, by name. */
export type Links = TokensList['links'];

/** Without a prototype: `[constructor]` is no link. */
export const noLinks = (): Links => Object.create(null) as Links;

/** Inline tags without attributes; all other raw HTML is shown as text. */
const PLAIN_TAG = /^<\/?(?:br|sub|sup|kbd|mark|u|s|del|ins)\s*\/?>$/i;

const marked = new Marked(
  { gfm: true, async: false },
  {
    extensions: MATH,
    renderer: { html: token => (PLAIN_TAG.test(token.text.trim()) ? token.text : escapeHtml(token.text)) }
  }
);

/** marked's inline rules are worse than linear in the length of a line: longer ones (characters) stay plain. */
const MAX_LINE = 8192;

/** Splits text into blocks by block rules only, and puts the definitions that it meets into `links`. */
export function lexBlocks(text: string, links: Links): Token[] {
  return lexerWith(links).blockTokens(shallow(text), []);
}

/** The HTML of one block, not yet sanitised. */
export function renderBlock(raw: string, links: Links): string {
  if (raw.length > MAX_LINE && raw.split('\n').some(line => line.length > MAX_LINE)) {
    return `<p>${escapeHtml(raw)}</p>`;
  }
  try {
    return render(raw, links);
  } catch {
    return `<p>${escapeHtml(raw)}</p>`; // nested too deep for the stack
  }
}

function render(raw: string, links: Links): string {
  const lexer = lexerWith(links);
  lexer.blockTokens(shallow(raw), lexer.tokens);
  for (const queued of lexer.inlineQueue.splice(0)) {
    lexer.inlineTokens(queued.src, queued.tokens);
  }
  return marked.parser(lexer.tokens);
}

function lexerWith(links: Links): Lexer {
  const lexer = new Lexer(marked.defaults);
  lexer.tokens.links = links;
  return lexer;
}

/** Whether a token is shown. */
export const isShown = (token: Token): boolean => token.type !== 'space' && token.type !== 'def';
