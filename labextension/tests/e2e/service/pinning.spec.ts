import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './test';

test('where chats go after some days, the menu says in whole words that a pinned one stays', async ({ ada }) => {
  const { page, list, root } = ada;
  await page.route('**/api/aichat/v1/me', async route => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), keeps_chats_days: 90 } });
  });
  await page.reload();
  await ada.ended(await ada.ask('Always at hand', 'counter'));
  await page.setViewportSize({ width: 320, height: 640 });
  await root.getByRole('button', { name: 'Chats', exact: true }).click();
  const actions = list.getByRole('button', { name: 'Actions for “Always at hand”' });
  await actions.press('Enter');
  const pin = root.getByRole('menuitem', { name: /^Pin\s*kept for good, not for 90 days$/ });
  expect((await pin.boundingBox())!.height).toBeLessThan(50); // its words are not broken into letters
  await pin.press('Enter');
  await expect(list.getByRole('region', { name: 'Pinned' }).getByRole('listitem')).toHaveText(['Always at hand']);
  await expect(actions).toBeFocused();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.route('**/api/aichat/v1/chats/*', route =>
    route.request().method() === 'PATCH' ? route.abort() : route.continue()
  );
  await actions.press('Enter');
  await root.getByRole('menuitem', { name: /^Unpin\s*then kept for 90 days$/ }).press('Enter');
  await expect(list.getByRole('alert')).toHaveText('“Always at hand” could not be unpinned. Try again.');
  await expect(list.getByRole('region', { name: 'Pinned' }).getByRole('listitem')).toHaveText(['Always at hand']);
});
