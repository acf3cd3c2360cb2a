import { BlockStream } from '../../../src/ui/markdown/blocks';
import { renderBlock } from '../../../src/ui/markdown/lex';
import { sanitize } from '../../../src/ui/markdown/sanitize';

/** A stream that got its text in pieces of so many characters. */
export function streamed(text: string, size = text.length): BlockStream {
  const stream = new BlockStream();
  for (let at = 0; at < text.length; at += size) {
    stream.append(text.slice(at, at + size));
  }
  stream.end();
  return stream;
}

/** What a stream shows: code as it is, everything else as HTML, not yet sanitised. */
export const renderedBy = (stream: BlockStream): string[] =>
  stream.blocks.map(block =>
    block.code ? `code ${block.code.lang}\n${block.code.toString()}` : renderBlock(block.raw, stream.links)
  );

export function htmlOf(html: string): string {
  const div = document.createElement('div');
  div.append(sanitize(html));
  return div.innerHTML;
}

/** Markdown as the document that a person sees, without formulas set and code coloured. */
export function documentOf(markdown: string): HTMLElement {
  const root = document.createElement('div');
  const stream = streamed(markdown);
  for (const block of stream.blocks) {
    if (block.code) {
      const pre = document.createElement('pre');
      pre.textContent = block.code.toString();
      root.append(pre);
    } else {
      root.append(sanitize(renderBlock(block.raw, stream.links)));
    }
  }
  return root;
}
