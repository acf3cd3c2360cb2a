import { expect, test, vi } from 'vitest';
import { BlockStream, type Block } from '../../../src/ui/markdown/blocks';
import * as lex from '../../../src/ui/markdown/lex';

const PARAGRAPH = 'Some **words** of a paragraph, with `code` and a [link](https://example.org).\n\n';
const SECTION = `# Title\n\n${PARAGRAPH}- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\`\`\`py\nx = 1\n\`\`\`\n\n`;

/** Characters that the block lexer reads for each delta. */
function lexedFor(text: string, size: number): number[] {
  const lexed: number[] = [];
  const spy = vi.spyOn(lex, 'lexBlocks');
  const stream = new BlockStream();
  for (let at = 0; at < text.length; at += size) {
    spy.mockClear();
    stream.append(text.slice(at, at + size));
    lexed.push(spy.mock.calls.reduce((sum, [read]) => sum + read.length, 0));
  }
  return lexed;
}

test('a delta late in a long answer costs what an early one costs', () => {
  const lexed = lexedFor(SECTION.repeat(200), 40);
  const quarter = Math.floor(lexed.length / 4);
  const first = Math.max(...lexed.slice(0, quarter));
  const last = Math.max(...lexed.slice(-quarter));
  expect(first).toBeGreaterThan(0);
  expect(last).toBeLessThanOrEqual(first);
});

test('a delta changes the last blocks only', () => {
  const stream = new BlockStream();
  let before: readonly Block[] = [];
  const text = SECTION.repeat(50);
  for (let at = 0; at < text.length; at += 40) {
    stream.append(text.slice(at, at + 40));
    const changed = before.filter((block, i) => stream.blocks[i] !== block);
    expect(changed.length).toBeLessThanOrEqual(4);
    before = [...stream.blocks];
  }
});

test('an open fence is not parsed again, however long it is', () => {
  const lexed = lexedFor('```py\n' + 'some_call(argument, other)\n'.repeat(20_000), 4000);
  expect(Math.max(...lexed.slice(1))).toBe(0);
});
