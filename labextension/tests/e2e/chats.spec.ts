import { expect, test } from './test';

test('a chat is renamed by a click on its title, and in the list', async ({ panel, page }) => {
  await panel.ended(await panel.ask('A first title', 'counter'));
  await panel.root.getByRole('heading', { name: 'A first title' }).getByRole('button').click();
  await page.getByRole('textbox', { name: 'Title' }).fill('Ornithology');
  await page.keyboard.press('Enter');
  await expect(panel.root.getByRole('heading', { name: 'Ornithology' })).toBeVisible();
  const item = await panel.inList('Ornithology');
  await item.hover();
  await item.getByRole('button', { name: 'Actions for “Ornithology”' }).click();
  await panel.root.getByRole('menuitem', { name: 'Rename' }).click();
  await panel.root.getByRole('navigation').getByRole('textbox', { name: 'Title' }).fill('Entomology');
  await page.keyboard.press('Enter');
  await expect(panel.root.getByRole('heading', { name: 'Entomology' })).toBeAttached();
  await panel.reload();
  await expect(panel.root.getByRole('heading', { name: 'Entomology' })).toBeVisible();
});

test('a chat is pinned by keyboard, in all tabs', async ({ panel, page }) => {
  await panel.ended(await panel.ask('Always at hand', 'counter'));
  await panel.newChat();
  await panel.ended(await panel.ask('Asked later', 'counter'));
  await panel.inList('Always at hand');
  const other = await panel.another();
  await other.inList('Always at hand');
  const actions = panel.root.getByRole('button', { name: 'Actions for “Always at hand”' });
  await actions.press('Enter');
  await page.keyboard.press('p');
  await page.keyboard.press('Enter');
  for (const { root } of [panel, other]) {
    const first = root.getByRole('navigation').getByRole('region').first();
    await expect(first.getByRole('heading', { name: 'Pinned' })).toBeVisible();
    await expect(first.getByRole('listitem')).toHaveText(['Always at hand']);
  }
  await expect(actions).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('u');
  await page.keyboard.press('Enter');
  await expect(other.root.getByRole('region', { name: 'Pinned' })).toHaveCount(0);
  await expect(actions).toBeFocused();
});

test('chats are searched by title', async ({ panel }) => {
  await panel.ended(await panel.ask('Zebrafish genes', 'counter'));
  await panel.newChat();
  await panel.ended(await panel.ask('Quasar spectra', 'counter'));
  await panel.inList('Quasar spectra');
  const search = panel.root.getByRole('searchbox', { name: 'Search chats by title' });
  const titles = panel.root.getByRole('navigation').getByRole('listitem');
  await search.fill('zebrafish');
  await expect(titles).toHaveText(['Zebrafish genes']);
  await search.fill('no such title');
  await expect(panel.root.getByText('No title has “no such title” in it.')).toBeVisible();
  await panel.root.getByRole('button', { name: 'Show all chats' }).click();
  await expect(titles.filter({ hasText: 'Quasar spectra' })).toBeVisible();
  await titles.filter({ hasText: 'Zebrafish genes' }).getByRole('button').first().click();
  await expect(panel.questions).toHaveText(/Zebrafish genes/);
  await expect(panel.box).toBeFocused();
});

test('a chat is deleted after one question, and Escape keeps it', async ({ panel, page, lab }) => {
  await panel.ended(await panel.ask('Soon gone', 'counter'));
  const item = await panel.inList('Soon gone');
  const ask = async (): Promise<void> => {
    await item.hover();
    await item.getByRole('button', { name: 'Actions for “Soon gone”' }).click();
    await panel.root.getByRole('menuitem', { name: 'Delete …' }).click();
  };
  const dialog = panel.root.getByRole('dialog', { name: 'Delete this chat?' });
  await ask();
  await expect(dialog).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(item).toBeVisible(); // the list did not take the same Escape
  await ask();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(item).toBeHidden();
  await expect(panel.answers).toHaveCount(0);
  const { items } = await lab.api<{ items: { title: string }[] }>('GET', 'chats?q=Soon+gone');
  expect(items).toEqual([]);
});

test('a draft is kept for each chat', async ({ panel }) => {
  await panel.ended(await panel.ask('With a draft', 'counter'));
  await panel.box.fill('half a thought');
  await panel.newChat();
  await expect(panel.box).toHaveValue('');
  const item = await panel.inList('With a draft');
  await item.getByRole('button').first().click();
  await expect(panel.box).toHaveValue('half a thought');
});

test('two tabs show the same', async ({ panel }) => {
  const first = await panel.ask('Seen twice', 'counter-300-50');
  await expect(first).toContainText('1 2 3');
  const other = await panel.another();
  await expect(other.answers.first()).toHaveAttribute('aria-busy', 'true');
  await panel.ended(first);
  await panel.ended(other.answers.first());
  expect(await other.textOf(other.answers.first())).toBe(await panel.textOf(first));
  await other.ended(await other.ask('And from there', 'counter'));
  await expect(panel.questions).toHaveCount(2);
  await expect(panel.answers.nth(1)).toContainText('398 399 400');
});
