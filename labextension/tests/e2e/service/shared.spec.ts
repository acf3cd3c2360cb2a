import { expect, newPage, test } from './test';

test('a link lets anybody read along, until it is revoked', async ({ ada, browser, errors }) => {
  await ada.ended(await ada.ask('To be shown', 'echo'));
  await ada.root.getByRole('button', { name: 'More', exact: true }).click();
  await ada.root.getByRole('menuitem', { name: 'Share …' }).click();
  const dialog = ada.root.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make a link' }).click();
  const link = await dialog.locator('.aichat-share-link input').inputValue();
  expect(link.startsWith(`${ada.service.url}shared/`)).toBe(true);
  await dialog.getByRole('button', { name: 'Close' }).click();
  const page = await newPage(browser, errors);
  await page.goto(link);
  await expect(page.getByRole('log')).toContainText('To be shown');
  await expect(page.getByRole('textbox')).toHaveCount(0);
  await ada.ask('And this too', 'endless-50');
  await expect(page.getByRole('log')).toContainText('1 2 3');
  await ada.root.getByRole('button', { name: 'Stop' }).click();
  await ada.root.getByRole('button', { name: 'More', exact: true }).click();
  await ada.root.getByRole('menuitem', { name: 'Share …' }).click();
  await dialog.getByRole('button', { name: /^Revoke/ }).click();
  await expect(page.getByRole('status').filter({ hasText: 'not shared any more' })).toBeVisible({ timeout: 3_000 });
  await page.reload();
  await expect(page.getByRole('heading', { name: 'There is nothing to read here' })).toBeVisible();
  await page.context().close();
});

test('what was shared with an account is found there, after the login', async ({ visit, service }) => {
  const [ada, bob] = [await visit('Ada'), await visit('Bob')];
  const token = await service.login(ada.name, ada.password);
  const chat = await service.api<{ id: string }>('POST', 'chats', { title: 'Of Ada, for Bob' }, token);
  const share = await service.api<{ id: string }>('POST', `chats/${chat.id}/shares`, { with: bob.name }, token);
  await bob.context.clearCookies();
  await bob.go(`shared/${share.id}`);
  await bob.page.getByRole('button', { name: 'Log in' }).click();
  await bob.type();
  await expect(bob.page.getByRole('heading', { name: 'Of Ada, for Bob' })).toBeVisible();
  await expect(bob.page.getByText('Shared by')).toContainText('Ada');
  await bob.go();
  await bob.list.getByRole('button', { name: 'Shared with me' }).click();
  await expect(bob.page.getByRole('link', { name: 'Of Ada, for Bob' })).toBeVisible();
});
