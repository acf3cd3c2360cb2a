import { expect, test } from 'vitest';
import { shallow } from '../../../src/ui/markdown/shallow';
import { documentOf, renderedBy, streamed } from './rendered';

const DEEP: readonly [string, string][] = [
  ['quotes', `${'> '.repeat(4000)}end`],
  ['lists', `${'- '.repeat(4000)}end`],
  ['numbered lists', `${'1. '.repeat(3000)}end`],
  ['indented lists', Array.from({ length: 120 }, (_, i) => `${'  '.repeat(i)}- end`).join('\n')],
  ['emphasis', `${'**_'.repeat(2700)}end`],
  ['brackets', `${'['.repeat(8000)}end`],
  ['half links', `${'[x]('.repeat(2000)}end`],
  ['ticks', `x ${'`'.repeat(4000)}end`],
  ['tildes', `x ${'~~'.repeat(2000)}end`],
  ['pipes', `${'|'.repeat(4000)}\n${'|-'.repeat(4000)}|\n|end`],
  ['escapes', `${'\\'.repeat(8000)}end`]
];

test.each(DEEP)('%s without end are shown, and break nothing', (_name, text) => {
  expect(documentOf(text).textContent).toContain('end');
  expect(renderedBy(streamed(text, 500)).join('')).toContain('end');
});

test('what no person writes loses its meaning, not its length; all else stays', () => {
  const deep = `${'> '.repeat(60)}x`;
  expect(shallow(deep)).toHaveLength(deep.length);
  expect(documentOf(deep).querySelectorAll('blockquote').length).toBeLessThan(60);
  const rule = '- '.repeat(60);
  const code = `\`\`\`\n${deep}\n\`\`\``;
  for (const text of [rule, code, '> > > x', '- a\n  - b\n    - c', `${' '.repeat(60)}x`]) {
    expect(shallow(text)).toBe(text);
  }
});
