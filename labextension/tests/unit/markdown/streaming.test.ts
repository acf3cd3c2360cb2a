import { expect, test } from 'vitest';
import { BlockStream } from '../../../src/ui/markdown/blocks';
import { below, pick, seeded } from '../random';
import { renderedBy, streamed } from './rendered';

const PIECES = [
  'word ',
  'two words\n',
  '\n',
  '\n\n',
  '# Heading\n',
  '## ',
  'Title\n---\n',
  '- item\n',
  '  - nested\n',
  '1. one\n',
  '1. one\n\n2. two\n',
  '- item\n\n- item\n',
  '    code\n\n    code\n',
  '2',
  '2. two\n',
  '- [ ] task\n- [x] done\n',
  '| a | b |\n|---|:-:|\n| 1 | 2 |\n',
  '| 3 | `x` |\n',
  '> quote\n',
  '> > deeper\n',
  '**bold** ',
  '**open',
  '*emphasis* ',
  '~~gone~~ ',
  '`code` ',
  '``a ` b`` ',
  '[link](https://example.org) ',
  '[half](https://exa',
  'https://example.org ',
  '![image](https://example.org/a.png) ',
  '$x^2$ ',
  '$5 and $6 ',
  '\\(y\\) ',
  '$$\nx = 1\n$$\n',
  '\\[\nz\n\\]\n',
  '<b>html</b> ',
  '<br>\n',
  '<div>\nblock\n</div>\n',
  '    indented code\n',
  '```py\nx = 1\n```\n',
  '```\n\nblank lines\n\n```\n',
  '~~~\ntilde ``` inside\n~~~\n',
  '  ```js\n  indented fence\n ```\n',
  '````md\n```\ninner\n```\n````\n',
  '```sh\nopen\n',
  '``',
  '---\n',
  '***\n',
  '\\* escaped ',
  'line end  \nhard break\n',
  'crlf\r\n',
  'lone\rreturn ',
  'مرحبا **بك**\n',
  '🙂 ',
  '&amp; &lt;b&gt; '
];

const DISPLAY = /^(?:\$\$|\\\[)/;

/**
 * Display formulas begin on a line of their own. The known exception: an unpaired `$$` inside a paragraph may pair with
 * one after a fence, and a stream has shown the fence as code by then.
 */
function randomDocument(seed: number): string {
  const random = seeded(seed);
  const length = 1 + below(random, 30);
  let text = '';
  for (let i = 0; i < length; i++) {
    const piece = pick(random, PIECES);
    text += DISPLAY.test(piece) && text && !text.endsWith('\n') ? `\n${piece}` : piece;
  }
  return text;
}

/** All that is shown, white space apart: into how many blocks a stream cuts it may differ. */
const seen = (stream: BlockStream): string => renderedBy(stream).join('').replace(/\s+/g, '');

test.each([1, 7, 37])(
  'a random document streamed by %i characters is shown as the whole one',
  size => {
    for (let seed = 1; seed <= 600; seed++) {
      const text = randomDocument(seed);
      expect(seen(streamed(text, size)), `seed ${seed}: ${JSON.stringify(text)}`).toBe(seen(streamed(text)));
    }
  },
  60_000
);

const FENCE = '~'.repeat(50);

test('no character is lost while code streams', () => {
  const random = seeded(7);
  for (let round = 0; round < 200; round++) {
    const code = Array.from({ length: 1 + Math.floor(random() * 40) }, () =>
      pick(random, ['x', ' ', '\n', '`', '``', '~', '    ', '\t', '#', '```x\n'])
    ).join('');
    for (const size of [1, 3]) {
      const stream = streamed(`${FENCE}py\n${code}\n${FENCE}`, size);
      expect(stream.blocks).toHaveLength(1);
      expect(stream.blocks[0].code!.toString()).toBe(`${code}\n`);
      expect(stream.blocks[0].code!.open).toBe(false);
    }
  }
});

test('a fence that the text ends in is closed, with and without its last line', () => {
  for (const [text, code] of [
    ['```py\nx = 1\n```', 'x = 1\n'],
    ['```py\nx = 1\n', 'x = 1\n'],
    ['```py\nx = 1', 'x = 1'],
    ['```py\nx = 1\n``', 'x = 1\n``'],
    ['```py\nx = 1\n ', 'x = 1\n ']
  ]) {
    for (const size of [1, text.length]) {
      const { blocks } = streamed(text, size);
      expect(blocks.map(block => [block.code?.toString(), block.code?.open])).toEqual([[code, false]]);
    }
  }
});

test('a definition that comes late, or is still being written, changes the links before it', () => {
  const stream = new BlockStream();
  stream.append('See [one] and [two][1].\n\nMore.\n\nAnd more.\n\n');
  const [before] = stream.blocks;
  for (const char of '[one]: https://example.org/1\n[1]: https://example.org/2\n') {
    stream.append(char);
  }
  expect(stream.blocks[0]).not.toBe(before);
  expect(renderedBy(stream)[0]).toContain('href="https://example.org/1"');
  expect(renderedBy(stream)[0]).toContain('href="https://example.org/2"');
});

test('the first definition of a name wins', () => {
  const stream = streamed('[a]: https://example.org/1\n\nx\n\ny\n\n[a]: https://example.org/2\n\n[a]\n', 1);
  expect(renderedBy(stream).at(-1)).toContain('href="https://example.org/1"');
});

test('a name that all objects have is no link', () => {
  const text = '[constructor] [toString][] [valueOf][] [hasOwnProperty]';
  expect(renderedBy(streamed(text, 3))).toEqual([`<p>${text}</p>\n`]);
});

test('carriage returns are line ends, also where a delta ends between the two', () => {
  const stream = new BlockStream();
  for (const delta of ['```py\r', '\nx\r', '\ny\r', 'z\r\n```\r', '\n# a\r']) {
    stream.append(delta);
  }
  stream.end();
  expect(renderedBy(stream)).toEqual(['code py\nx\ny\nz\n', '<h1>a</h1>\n']);
});
