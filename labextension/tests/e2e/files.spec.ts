import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import type { Panel } from './panel';
import { expect, test } from './test';

const CODE = 'Run this:\n\n```python\nx = 1\n```\n\nDone.';

async function check(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).include('.aichat').analyze();
  expect(violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 200)}`))).toEqual([]);
}

/** Opens the dialog for the chat that is shown, by the keyboard alone. */
async function openExport(panel: Panel, page: Page): Promise<void> {
  await panel.root.getByRole('button', { name: 'More' }).focus();
  await page.keyboard.press('ArrowDown');
  await expect(panel.root.getByRole('menuitem', { name: 'Rename' })).toBeFocused();
  await page.keyboard.press('e');
  await page.keyboard.press('Enter');
  await expect(panel.root.getByRole('dialog', { name: /^Export/ })).toBeVisible();
}

test('a chat becomes a notebook in the folder of the file browser, and is opened there', async ({
  panel,
  page,
  lab
}) => {
  await panel.ended(await panel.ask(CODE, 'echo'));
  await openExport(panel, page);
  await check(page);
  await panel.root.getByRole('radio', { name: /Notebook/ }).check();
  await check(page);
  for (const name of ['Run-this.ipynb', 'Run-this-2.ipynb']) {
    await panel.root.getByRole('button', { name: 'Save to “/”' }).click();
    await expect(panel.root.getByRole('dialog')).toBeHidden();
    await expect(page.locator('.lm-TabBar-tab.lm-mod-current').filter({ hasText: name })).toBeVisible();
    const { cells } = JSON.parse(await readFile(join(lab.home, 'work', name), 'utf8')) as { cells: object[] };
    expect(cells).toMatchObject([
      { cell_type: 'markdown' },
      { cell_type: 'markdown' },
      { cell_type: 'markdown' },
      { cell_type: 'code', source: ['x = 1'] },
      { cell_type: 'markdown', source: ['Done.'] }
    ]);
    await openExport(panel, page);
    await panel.root.getByRole('radio', { name: /Notebook/ }).check();
  }
});

test('a chat is downloaded and imported again; what is none is told', async ({ panel, page, lab }) => {
  await panel.ended(await panel.ask('There and back again', 'echo'));
  await openExport(panel, page);
  await panel.root.getByRole('radio', { name: /JSON/ }).check();
  const coming = page.waitForEvent('download');
  await panel.root.getByRole('button', { name: 'Download' }).click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe('There-and-back-again.json');
  const [good, bad] = [join(lab.home, 'good.json'), join(lab.home, 'bad.json')];
  const text = await readFile(await download.path(), 'utf8');
  await writeFile(good, text.replaceAll('There and back again', 'Back again'));
  await writeFile(bad, '{');
  await panel.root.getByRole('button', { name: 'Chats' }).click();
  await panel.root.getByRole('button', { name: 'Actions for all chats' }).click();
  await panel.root.getByRole('menuitem', { name: 'Import chats …' }).click();
  const dialog = panel.root.getByRole('dialog', { name: 'Import chats' });
  await dialog.getByLabel('Files').setInputFiles([good, bad]);
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(dialog.getByRole('status')).toContainText('1 chat was imported.');
  await expect(dialog.getByRole('status')).toContainText('bad.json: This is no JSON');
  await check(page);
  await dialog.getByRole('button', { name: 'Back again' }).click();
  await expect(dialog).toBeHidden();
  await expect(panel.questions).toHaveText(/Back again/);
  await expect(panel.answers).toHaveText(/Back again/);
});
