import { expect, test } from './test';

const CODE = 'Try\n\n```python\nanswer = 6 * 7\n```\n\nand see.';

test('code goes below the active cell of the notebook', async ({ panel, page }) => {
  await panel.command('notebook:create-new', { kernelName: 'python3' });
  await expect(page.locator('.jp-Notebook .jp-Cell')).toHaveCount(1);
  await panel.show();
  const answer = await panel.ask(CODE, 'echo');
  await panel.ended(answer);
  await answer.getByRole('button', { name: 'Insert into notebook' }).click();
  const cells = page.locator('.jp-Notebook .jp-Cell');
  await expect(cells).toHaveCount(2);
  await expect(cells.nth(1).locator('.cm-content')).toHaveText('answer = 6 * 7');
  await expect(cells.nth(1)).toHaveClass(/jp-mod-active/);
  await page.keyboard.press('Shift+Enter'); // the keyboard is in the notebook
  await panel.command('notebook:run-all-cells');
  await expect(cells.nth(1)).toContainText('answer = 6 * 7');
});

test('the examples are about what the open notebook imports', async ({ panel, page }) => {
  await panel.show();
  await panel.newChat();
  const examples = panel.root.getByRole('list', { name: 'Examples' });
  await expect(examples).not.toContainText('numpy');
  await panel.command('notebook:create-new', { kernelName: 'python3' });
  const cell = page.locator('.jp-Notebook .jp-Cell').first().locator('.cm-content');
  await cell.click();
  await page.keyboard.type('import numpy as np\n');
  await page.keyboard.press('Shift+Enter');
  await expect(examples).toContainText('What are the three things of numpy that I should know?');
});

test('without a notebook code is copied, and that is said', async ({ panel, page }) => {
  const answer = await panel.ask(CODE, 'echo');
  await panel.ended(answer);
  await answer.getByRole('button', { name: 'Insert into notebook' }).click();
  await expect(page.getByText('No notebook is open, so the code was copied.')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('answer = 6 * 7\n');
});

test('the keyboard goes between panel and notebook', async ({ panel, page }) => {
  await panel.command('notebook:create-new', { kernelName: 'python3' });
  await expect(page.locator('.jp-Notebook .jp-Cell')).toHaveCount(1);
  await panel.show();
  await page.keyboard.press('Escape');
  await expect(panel.box).not.toBeFocused();
  await expect(page.locator('.jp-NotebookPanel')).toContainText('');
  await page.keyboard.press('Control+Alt+k');
  await expect(panel.box).toBeFocused();
  await page.keyboard.press('Control+Alt+k');
  await expect(panel.box).not.toBeFocused();
});
