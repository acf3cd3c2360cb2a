import { readFile } from 'node:fs/promises';
import { expect, test } from './test';

test('a token is shown once, lets a script in, and no more when it is deleted', async ({ ada, service }) => {
  const { page } = ada;
  await ada.menu('Settings');
  await page.getByRole('link', { name: 'Tokens' }).click();
  await expect(page).toHaveURL(/settings\/tokens$/);
  await page.getByLabel('What it is for').fill('A script');
  await page.getByRole('checkbox', { name: 'ask, and change chats' }).uncheck();
  await page.getByLabel('It ends after').selectOption('7');
  await page.getByRole('button', { name: 'Make token' }).click();
  await page.getByRole('button', { name: 'Copy' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  const token = await page.evaluate(() => navigator.clipboard.readText());
  await service.api('GET', 'chats', undefined, token);
  await expect(service.api('POST', 'chats', {}, token)).rejects.toThrow(/403/);
  await page.reload();
  await expect(page.getByText('A script')).toBeVisible();
  await expect(page.locator('body')).not.toContainText(token);
  await page.getByRole('button', { name: 'Delete the token “A script”' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('No tokens yet.')).toBeVisible();
  await expect(service.api('GET', 'chats', undefined, token)).rejects.toThrow(/401/);
});

test('a new display name and new colours hold', async ({ ada }) => {
  const { page } = ada;
  await ada.go('settings/profile');
  await page.getByLabel('Display name').fill('Countess');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await page.getByRole('radio', { name: 'Dark' }).check();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Account of Countess' })).toBeVisible();
  await expect(page.getByRole('radio', { name: 'Dark' })).toBeChecked();
  await expect(page.locator('html')).toHaveCSS('color-scheme', 'dark');
});

test('a new password, which ends the other sessions', async ({ ada, service }) => {
  const { page } = ada;
  const other = await service.login(ada.name, ada.password);
  await ada.go('settings/security');
  await expect(page.getByRole('listitem').filter({ hasText: 'this one' })).toContainText('Chrome');
  await page.getByLabel('Present password', { exact: true }).fill('wrong');
  await page.getByLabel('New password', { exact: true }).fill('ü'.repeat(40));
  await expect(page.getByText('This is too long: 80 of at most 72 bytes')).toBeVisible();
  await page.getByLabel('New password', { exact: true }).fill('another good sentence');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'wrong' })).toBeVisible();
  await page.getByLabel('Present password', { exact: true }).fill(ada.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('Password changed')).toBeVisible();
  await expect(async () => {
    await expect(service.api('GET', 'me', undefined, other)).rejects.toThrow(/401/);
  }).toPass({ timeout: 3_000 });
  await service.login(ada.name, 'another good sentence');
});

test('everything is downloaded, then the account deleted', async ({ ada, service }) => {
  const { page } = ada;
  await ada.ended(await ada.ask('Something to take along', 'echo'));
  await ada.go('settings/data');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download everything' }).click()
  ]);
  expect(await readFile(await download.path(), 'utf8')).toContain('Something to take along');
  await page.getByRole('button', { name: 'Delete the account …' }).click();
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Delete everything' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'wrong' })).toBeVisible();
  await page.getByLabel('Password', { exact: true }).fill(ada.password);
  await page.getByRole('button', { name: 'Delete everything' }).click();
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
  await expect(service.login(ada.name, ada.password)).rejects.toThrow(/401/);
});
