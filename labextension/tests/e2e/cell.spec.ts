import { expect, test } from './test';

test.describe.configure({ timeout: 120_000 });

test('a %%chat cell and the panel are the same chat at the same moment', async ({ panel, page }) => {
  await panel.notebook();
  const cells = page.locator('.jp-Notebook .jp-Cell');
  await cells.first().locator('.cm-content').click();
  await page.keyboard.type('%load_ext jupyter_aichat\n');
  await page.keyboard.press('Shift+Enter');
  await expect(cells).toHaveCount(2);
  await expect(cells.first().locator('.jp-InputPrompt').first()).toHaveText('[1]:', { timeout: 30_000 });
  await cells.nth(1).locator('.cm-content').click();
  await page.keyboard.type('%%chat --model counter-300-50\nAsked in a cell\n');
  await page.keyboard.press('Shift+Enter');
  const output = cells.nth(1).locator('.jp-OutputArea-output').first();
  await expect(output).toContainText('1 2 3', { timeout: 30_000 });
  await panel.show();
  const item = await panel.inList('Asked in a cell');
  await item.getByRole('button').first().click();
  await expect(panel.answers.first()).toHaveAttribute('aria-busy', 'true'); // still being written in both
  await panel.ended(panel.answers.first());
  await expect(panel.answers.first()).toContainText('298 299 300');
  await expect(output).toContainText('298 299 300');
});
