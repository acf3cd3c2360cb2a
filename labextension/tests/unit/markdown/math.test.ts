import temml from 'temml';
import { describe, expect, test } from 'vitest';
import { sanitizeMath } from '../../../src/ui/markdown/sanitize-math';
import { MATHML_PAYLOADS, TEX_PAYLOADS } from '../../payloads';
import { documentOf } from './rendered';

const formulasIn = (markdown: string): string[] =>
  [...documentOf(markdown).querySelectorAll('.aichat-math')].map(
    e => `${e.classList.contains('aichat-math-display') ? 'display' : 'inline'} ${e.textContent}`
  );

describe('what is a formula', () => {
  test.each([
    ['$x^2$', ['inline x^2']],
    ['a \\(x\\) b', ['inline x']],
    ['a $$x$$ b', ['inline x']],
    ['$$\nx\n$$', ['display x']],
    ['\\[\nx = 1\n\\]', ['display x = 1']],
    ['before\n$$\nx\n$$\nafter', ['display x']],
    ['$a$ and $b$', ['inline a', 'inline b']],
    ['$a_1$ _em_ $b_1$', ['inline a_1', 'inline b_1']],
    ['$a < b$', ['inline a < b']],
    ['| a |\n|---|\n| $x$ |', ['inline x']],
    ['- $$\n  x\n  $$', ['display x']]
  ])('%j', (markdown, formulas) => expect(formulasIn(markdown)).toEqual(formulas));

  test.each(['$5 and $6', 'costs 5$ or 6$', '$ x $', '`$x$`', '```\n$x$\n```', '$x', '\\$x\\$', '$$\nx\n\ny\n$$'])(
    'none in %j',
    markdown => expect(formulasIn(markdown)).toEqual([])
  );
});

const render = (tex: string): string =>
  temml.renderToString(tex, { displayMode: true, throwOnError: false, trust: false, maxExpand: 300 });

const ATTRIBUTE = /^(?:href|xlink:href|src|id|name|on.*|data-.*)$/;

function hostileIn(root: ParentNode): string[] {
  return [...root.querySelectorAll('*')].flatMap(element => [
    ...(element.namespaceURI?.endsWith('MathML') ? [] : [element.tagName]),
    ...[...element.attributes].map(a => a.name).filter(name => ATTRIBUTE.test(name)),
    ...(/url|position|expression/i.test(element.getAttribute('style') ?? '') ? ['style'] : []),
    ...(/jp-|lm-|aichat/.test(element.getAttribute('class') ?? '') ? ['class'] : [])
  ]);
}

test.each(TEX_PAYLOADS.map(tex => [tex.slice(0, 60), tex]))('hostile LaTeX %j', (_name, tex) => {
  let mathml = '';
  try {
    mathml = render(tex);
  } catch {
    return; // shown as it was written
  }
  expect(hostileIn(sanitizeMath(mathml))).toEqual([]);
});

test.each(MATHML_PAYLOADS.map(mathml => [mathml.slice(0, 60), mathml]))('hostile MathML %j', (_name, mathml) => {
  expect(hostileIn(sanitizeMath(mathml))).toEqual([]);
});

test.each([
  '\\frac{a}{b} + \\sqrt{x}',
  '\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}',
  '\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}',
  '\\begin{cases} 1 & x > 0 \\\\ 0 & x \\le 0 \\end{cases}',
  '\\cancel{x} + \\mathbb{R} + \\mathcal{L}',
  'E = mc^2 \\tag{1}'
])('the sanitiser leaves %j as it was set', tex => {
  const set = document.createElement('div');
  set.innerHTML = render(tex);
  const clean = document.createElement('div');
  clean.append(sanitizeMath(render(tex)));
  expect(clean.querySelectorAll('*').length).toBe(set.querySelectorAll('*').length);
  expect(clean.textContent).toBe(set.textContent);
  expect(stylesIn(clean)).toEqual(stylesIn(set));
});

const stylesIn = (root: ParentNode): (string | null)[] =>
  [...root.querySelectorAll('[style]')].map(element => element.getAttribute('style'));
