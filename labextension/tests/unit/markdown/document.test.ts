import { describe, expect, test } from 'vitest';
import { documentOf } from './rendered';

const html = (markdown: string): string => documentOf(markdown).innerHTML.replace(/\n/g, '');

describe('Markdown', () => {
  test('headings', () => {
    expect(html('# a\n## b\n\nc\n---\n')).toBe('<h1>a</h1><h2>b</h2><h2>c</h2>');
  });

  test('tables, with their alignment', () => {
    const root = documentOf('| a | b |\n|---|--:|\n| 1 | **2** |\n');
    expect([...root.querySelectorAll('th')].map(th => th.getAttribute('align'))).toEqual([null, 'right']);
    expect(root.querySelector('td strong')?.textContent).toBe('2');
  });

  test('nested and numbered lists', () => {
    expect(html('- a\n  - b\n- c\n')).toBe('<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>');
    expect(html('3. a\n4. b\n')).toBe('<ol start="3"><li>a</li><li>b</li></ol>');
  });

  test('task lists, whose boxes cannot be clicked', () => {
    const boxes = [...documentOf('- [x] done\n- [ ] open\n').querySelectorAll('input')];
    expect(boxes.map(box => [box.type, box.checked, box.disabled])).toEqual([
      ['checkbox', true, true],
      ['checkbox', false, true]
    ]);
  });

  test('links, written out and bare, open elsewhere', () => {
    const links = [
      ...documentOf('[a](https://example.org/a) https://example.org/b <https://example.org/c>').querySelectorAll('a')
    ];
    expect(links.map(link => link.href)).toEqual([
      'https://example.org/a',
      'https://example.org/b',
      'https://example.org/c'
    ]);
    expect(links.every(link => link.target === '_blank' && link.rel === 'noopener noreferrer nofollow')).toBe(true);
  });

  test('quotes, rules, emphasis, code and what was struck out', () => {
    expect(html('> a\n\n---\n\n*b* **c** ~~d~~ `e`')).toBe(
      '<blockquote><p>a</p></blockquote><hr><p><em>b</em> <strong>c</strong> <del>d</del> <code>e</code></p>'
    );
  });

  test('raw HTML is text, apart from a few tags without attributes', () => {
    expect(html('H<sub>2</sub>O <kbd>Ctrl</kbd><br>x <b>y</b>')).toBe(
      '<p>H<sub>2</sub>O <kbd>Ctrl</kbd><br>x &lt;b&gt;y&lt;/b&gt;</p>'
    );
    expect(documentOf('<div onclick="x()">\nblock\n</div>').textContent).toContain('<div onclick="x()">');
  });

  test('a very long line stays plain', () => {
    const line = '**x** \\'.repeat(2000);
    expect(documentOf(line).textContent).toBe(line);
  });
});
