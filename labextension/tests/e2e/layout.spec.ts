import type { Page } from '@playwright/test';
import { ARABIC, QUESTION, MODEL } from './pictures/answers';
import { expect, test } from './test';

const LONG = MODEL.answer(QUESTION);
const AWKWARD = [
  LONG,
  `A_word_without_end_${'x'.repeat(300)}`,
  `\`${'code'.repeat(80)}\``,
  `[${'link'.repeat(60)}](https://example.org)`,
  `| ${Array.from({ length: 12 }, (_, i) => `column ${i}`).join(' | ')} |\n|${'---|'.repeat(12)}\n| ${'value |'.repeat(12)}`,
  `${'> '.repeat(8)}deep`,
  `$$${Array.from({ length: 40 }, (_, i) => `x_{${i}}`).join(' + ')}$$`
].join('\n\n');

/** What is wider than the place it has, and cannot be scrolled where it stands. */
const overflowing = (): string[] => {
  const log = document.querySelector('.aichat')!;
  const edge = log.getBoundingClientRect();
  const scrolls = (element: Element): boolean => {
    for (let each: Element | null = element.parentElement; each && each !== log; each = each.parentElement) {
      const { overflowX } = getComputedStyle(each);
      if (!each.classList.contains('aichat-log') && overflowX !== 'visible') {
        return true;
      }
    }
    return false;
  };
  const wide = [...log.querySelectorAll('*')].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && (box.right > edge.right + 1 || box.left < edge.left - 1) && !scrolls(element);
  });
  const shifted = [...log.querySelectorAll('.aichat-log, .aichat-composer')].filter(
    e => e.scrollWidth > e.clientWidth + 1
  );
  return [...wide, ...shifted].map(element => element.outerHTML.slice(0, 120));
};

const widths = async (page: Page): Promise<string[]> => page.evaluate(overflowing);

for (const width of [280, 360, 600]) {
  test(`at ${width} px nothing overflows`, async ({ panel, page }) => {
    await panel.resize(width);
    await expect.poll(async () => Math.round((await panel.root.boundingBox())!.width)).toBeLessThanOrEqual(width + 2);
    expect(await widths(page)).toEqual([]);
    await panel.ended(await panel.ask(AWKWARD, 'echo'));
    await expect(panel.answers.locator('math').first()).toBeAttached();
    expect(await widths(page)).toEqual([]);
    await panel.log.evaluate(log => log.scrollTo(0, 0));
    expect(await widths(page)).toEqual([]);
    await expect(panel.box).toBeInViewport({ ratio: 1 });
    await expect(panel.root.getByRole('button', { name: 'Send' })).toBeInViewport({ ratio: 1 });
  });
}

test('at 200 % zoom everything can be reached', async ({ panel, page }) => {
  await page.setViewportSize({ width: 640, height: 400 }); // 1280 by 800, twice as large
  await panel.command('application:toggle-left-area'); // JupyterLab has no room for both
  await panel.ended(await panel.ask(LONG, 'echo'));
  expect(await widths(page)).toEqual([]);
  await expect(panel.root.getByRole('button', { name: 'Send' })).toBeInViewport({ ratio: 1 });
  await panel.root.getByRole('button', { name: /^Model: / }).click();
  const item = panel.root.getByRole('menuitemradio', { name: /^counter(?!-)/ });
  await item.scrollIntoViewIfNeeded();
  await expect(item).toBeInViewport();
  await page.keyboard.press('Escape');
});

test('each block has the direction of its own words; code has none', async ({ panel }) => {
  const answer = await panel.ask(`${ARABIC}\n\nAnd in English.\n\n\`\`\`python\nx = 1\n\`\`\``, 'echo');
  await panel.ended(answer);
  const blocks = answer.locator('.aichat-markdown > *');
  await expect(blocks).toHaveCount(3);
  const directions = await blocks.evaluateAll(all => all.map(block => getComputedStyle(block).direction));
  expect(directions).toEqual(['rtl', 'ltr', 'ltr']);
  await expect(panel.questions.locator('.aichat-question')).toHaveCSS('direction', 'rtl');
});

test('nothing jumps when an answer ends', async ({ panel }) => {
  const answer = await panel.ask('Count', 'counter-100-50');
  await expect(answer).toContainText('1 2 3');
  const text = answer.locator('.aichat-text');
  const before = (await text.boundingBox())!;
  await panel.stop.click();
  await panel.ended(answer);
  expect((await text.boundingBox())!.y).toBe(before.y);
});

test('a reader who scrolled up is left alone, and a button leads to the new lines', async ({ panel, page }) => {
  await panel.resize(280);
  const answer = await panel.ask('Write', 'markdown-100');
  await expect(answer.getByRole('heading', { name: 'Section 5', exact: true })).toBeAttached();
  await panel.log.hover();
  await page.mouse.wheel(0, -600);
  await expect(panel.root.getByRole('button', { name: /^\d+ new lines?$/ })).toBeVisible();
  const place = await panel.log.evaluate(log => log.scrollTop);
  await expect(answer.getByRole('heading', { name: 'Section 12', exact: true })).toBeAttached();
  expect(await panel.log.evaluate(log => log.scrollTop)).toBe(place);
  await panel.root.getByRole('button', { name: /^\d+ new lines?$/ }).click();
  await expect(panel.root.getByRole('button', { name: /^\d+ new lines?$/ })).toBeHidden();
  const left = (): Promise<number> => panel.log.evaluate(log => log.scrollHeight - log.scrollTop - log.clientHeight);
  await expect.poll(left).toBeLessThan(5);
  await panel.stop.click();
});
