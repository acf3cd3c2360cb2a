import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { makeTrans } from '../../../src/ui/i18n';
import { BlockStream } from '../../../src/ui/markdown/blocks';
import { Markdown, type MarkdownHost } from '../../../src/ui/markdown/Markdown';
import * as sanitizer from '../../../src/ui/markdown/sanitize';

const host: MarkdownHost = { trans: makeTrans() };

/** Markdown that grows as an answer does. */
class Growing {
  readonly stream = new BlockStream();
  private rev = 0;
  private readonly view: ReturnType<typeof render>;

  constructor(
    text = '',
    private readonly host_: MarkdownHost = host
  ) {
    this.stream.append(text);
    this.view = render(this.element(false));
  }

  append(text: string): void {
    this.stream.append(text);
    this.show(false);
  }

  end(): void {
    this.stream.end();
    this.show(true);
  }

  get root(): HTMLElement {
    return this.view.container;
  }

  private show(done: boolean): void {
    this.rev += 1;
    act(() => this.view.rerender(this.element(done)));
  }

  private element(done: boolean): React.ReactElement {
    return <Markdown stream={this.stream} rev={this.rev} done={done} host={this.host_} />;
  }
}

function show(text: string, host_: MarkdownHost = host): HTMLElement {
  const stream = new BlockStream();
  stream.append(text);
  stream.end();
  return render(<Markdown stream={stream} rev={0} done={true} host={host_} />).container;
}

test('marks that are still open are shown closed, and half a link is no link', () => {
  const growing = new Growing('a **bo');
  expect(growing.root.querySelector('strong')?.textContent).toBe('bo');
  growing.append('ld** `co');
  expect(growing.root.querySelector('code')?.textContent).toBe('co');
  growing.append('de` [x](https://exam');
  expect(growing.root.querySelector('a[href]')).toBeNull();
  expect(growing.root.textContent).not.toContain('exam');
  growing.append('ple.org)');
  expect(growing.root.querySelector('a')?.getAttribute('href')).toBe('https://example.org');
});

test('what is open when the answer ends is shown as it was written', () => {
  const growing = new Growing('a **b');
  growing.end();
  expect(growing.root.textContent).toBe('a **b\n');
});

test('code is copied and inserted as it is, without its fence', async () => {
  const user = userEvent.setup();
  const insertCode = vi.fn();
  show('```python\nx = 1\nif x:\n    y\n```', { ...host, insertCode });
  await user.click(screen.getByRole('button', { name: 'Insert into notebook' }));
  expect(insertCode).toHaveBeenCalledWith('x = 1\nif x:\n    y\n', 'python');
  await user.click(screen.getByRole('button', { name: 'Copy code' }));
  expect(await navigator.clipboard.readText()).toBe('x = 1\nif x:\n    y\n');
  await screen.findByRole('button', { name: 'Copied' });
});

test('there is no insert button where there is no place to insert', () => {
  show('```\nx\n```');
  expect(screen.queryByRole('button', { name: 'Insert into notebook' })).toBeNull();
});

test('long code that was there before is folded, and unfolds', async () => {
  const root = show(`\`\`\`\n${'x\n'.repeat(41)}\`\`\``);
  const folded = (): boolean => root.querySelector('.aichat-codeblock')!.hasAttribute('data-folded');
  expect(folded()).toBe(true);
  await userEvent.click(screen.getByRole('button', { name: 'Show all 41 lines' }));
  expect(folded()).toBe(false);
  await userEvent.click(screen.getByRole('button', { name: 'Show fewer lines' }));
  expect(folded()).toBe(true);
});

test('code of 40 lines is not folded, nor is code that one sees growing', () => {
  expect(show(`\`\`\`\n${'x\n'.repeat(40)}\`\`\``).querySelector('[data-folded]')).toBeNull();
  const growing = new Growing('```\n');
  growing.append('x\n'.repeat(100));
  growing.append('```\n');
  growing.end();
  expect(growing.root.querySelector('[data-folded]')).toBeNull();
});

test('growing code is shown in parts that stay the same nodes', () => {
  const growing = new Growing('```\n');
  const line = `${'x'.repeat(99)}\n`;
  growing.append(line.repeat(100));
  const before = [...growing.root.querySelectorAll('.aichat-code-part')];
  growing.append(line.repeat(100));
  const parts = [...growing.root.querySelectorAll('.aichat-code-part')];
  expect(parts.slice(0, before.length)).toEqual(before);
  expect(parts.map(part => part.textContent).join('')).toBe(line.repeat(200));
  expect(Math.max(...parts.map(part => part.textContent!.length))).toBeLessThanOrEqual(4096 + 100);
  expect(parts.slice(0, -1).every(part => part.classList.contains('aichat-done'))).toBe(true);
});

test('code is coloured once it is whole', async () => {
  const growing = new Growing('```python\nx = "a & <b>"\n');
  expect(growing.root.querySelector('.hljs-string')).toBeNull();
  growing.append('```\n');
  await waitFor(() => expect(growing.root.querySelector('.hljs-string')?.textContent).toBe('"a & <b>"'));
  expect(growing.root.querySelector('pre')!.textContent).toBe('x = "a & <b>"\n');
});

test('an answer that ends in its closing fence is coloured too', async () => {
  const growing = new Growing('```python\nx = 1\n```');
  growing.end();
  await waitFor(() => expect(growing.root.querySelector('.hljs-number')?.textContent).toBe('1'));
});

test('code of an unknown language stays as it is', () => {
  expect(show('```brainfuck\n+++\n```').querySelector('pre')?.textContent).toBe('+++\n');
});

test('formulas become MathML', async () => {
  const root = show('Euler: $e^{i\\pi} = -1$\n\n$$\n\\frac{a}{b}\n$$\n');
  await waitFor(() => expect(root.querySelectorAll('math')).toHaveLength(2));
  expect(root.querySelector('.aichat-math-display math')?.getAttribute('display')).toBe('block');
});

test('a formula that cannot be set says so, and harms nothing', async () => {
  const root = show('$\\frac{$ and $x$');
  await waitFor(() => expect(root.querySelectorAll('math').length).toBeGreaterThan(0));
  expect(root.textContent).toContain('and');
});

test('a remote image loads when a person asks for it', async () => {
  const root = show('![chart](https://example.org/a.png)');
  const image = root.querySelector('img')!;
  expect(image.getAttribute('src')).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Load image from example.org' }));
  expect(image.src).toBe('https://example.org/a.png');
  expect(image.hidden).toBe(false);
  expect(screen.queryByRole('button')).toBeNull();
});

test('text of both directions is laid out by itself, code always from the left', () => {
  const root = show('مرحبا\n\nhello\n\n```\nx\n```');
  expect([...root.querySelectorAll('.aichat-block')].every(block => block.getAttribute('dir') === 'auto')).toBe(true);
  expect(root.querySelector('.aichat-codeblock')?.getAttribute('dir')).toBe('ltr');
});

test('a delta renders the last blocks only, however long the answer is', () => {
  const sanitize = vi.spyOn(sanitizer, 'sanitize');
  const growing = new Growing();
  const counts: number[] = [];
  for (let i = 0; i < 300; i++) {
    sanitize.mockClear();
    growing.append(`Paragraph ${i} with **bold**.\n\n`);
    counts.push(sanitize.mock.calls.length);
  }
  expect(Math.max(...counts)).toBeLessThanOrEqual(2);
});

test('settled blocks stay the same nodes to the end', () => {
  const growing = new Growing('# Title\n\nFirst.\n\nSecond.\n\nThird.');
  const heading = growing.root.querySelector('h1');
  const last = growing.root.querySelector('.aichat-block:last-child p');
  growing.append('\n\n');
  growing.append('More **text**.\n\n- a\n- b\n');
  growing.end();
  expect(growing.root.querySelector('h1')).toBe(heading);
  expect(last?.isConnected).toBe(true);
});
