import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { MODEL, QUESTION } from './pictures/answers';
import type { Panel } from './panel';
import { expect, test } from './test';

async function check(page: Page, view: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).include('.aichat').analyze();
  const found = violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 200)}`));
  expect(found, view).toEqual([]);
}

/** Goes through every view of the panel. */
async function walk(panel: Panel, page: Page): Promise<void> {
  await check(page, 'empty');
  const running = await panel.ask('Count', 'endless-50');
  await expect(running).toContainText('1 2 3');
  await check(page, 'streaming');
  await panel.stop.click();
  await panel.ended(running);
  await check(page, 'stopped');
  await panel.ended(
    await panel.ask(`${MODEL.answer(QUESTION)}\n\n- [x] done\n- [ ] open\n\n![x](https://a.example/x.png)`, 'echo')
  );
  await expect(panel.answers.locator('math').first()).toBeAttached();
  await check(page, 'long, at its end');
  await panel.log.evaluate(log => log.scrollTo(0, 0));
  await panel.answers.last().hover();
  await check(page, 'long, with actions');
  const thought = await panel.ask('Think', 'thinker');
  await panel.ended(thought);
  await thought.locator('summary').click();
  await check(page, 'thinking');
  const tool = await panel.ask('Which tool?', 'tooler');
  await panel.ended(tool);
  await tool.locator('summary').click();
  await check(page, 'a tool that was asked for');
  const failed = await panel.ask('Fail', 'fail-model_not_found-after-0');
  await failed.getByText('Details').click();
  await check(page, 'failed');
  await panel.questions.first().hover();
  await panel.questions.first().getByRole('button', { name: 'Edit' }).click();
  await check(page, 'editing');
  await page.keyboard.press('Escape');
  await panel.root.getByRole('button', { name: /^Model: / }).click();
  await check(page, 'model menu');
  await page.keyboard.press('Escape');
  const item = await panel.inList('Count');
  await check(page, 'list');
  await panel.root.getByRole('searchbox').fill('nothing of this kind');
  await expect(item).toBeHidden();
  await check(page, 'search without a result');
  await panel.root.getByRole('searchbox').fill('');
  await item.first().hover();
  await item
    .first()
    .getByRole('button', { name: /^Actions for/ })
    .click();
  await check(page, 'menu of a chat');
  await panel.root.getByRole('menuitem', { name: 'Delete …' }).click();
  await expect(panel.root.getByRole('dialog')).toBeVisible();
  await check(page, 'delete dialog');
  await panel.root.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(panel.root.getByRole('dialog')).toBeHidden();
}

test.describe.configure({ timeout: 120_000 });

for (const theme of ['JupyterLab Light', 'JupyterLab Dark'] as const) {
  test(`axe finds nothing on any view: ${theme}`, async ({ panel, page }) => {
    await panel.theme(theme);
    await walk(panel, page);
  });
}

test('axe finds nothing on any view: forced colours', async ({ panel, page }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await walk(panel, page);
  const ring = panel.box.locator('xpath=ancestor::div[contains(@class, "aichat-box")]').first();
  await panel.box.focus();
  await expect(ring).not.toHaveCSS('outline-style', 'none'); // a shadow would not be seen
});

test('what can be pressed is at least 24 px high and wide', async ({ panel }) => {
  const answer = await panel.ask(MODEL.answer(QUESTION), 'echo');
  await panel.ended(answer);
  await answer.hover();
  const small = await panel.root.evaluate(root =>
    [...root.querySelectorAll('button')]
      .map(button => ({ name: button.ariaLabel ?? button.textContent, box: button.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
      .map(({ name, box }) => `${name} ${box.width} × ${box.height}`)
  );
  expect(small).toEqual([]);
});

test('without motion where a person wants none', async ({ panel, page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const answer = await panel.ask('Count', 'endless-50');
  await expect(answer).toContainText('1 2 3');
  const moving = await panel.root.evaluate(root => root.getAnimations({ subtree: true }).length);
  expect(moving).toBe(0);
  await panel.stop.click();
});
