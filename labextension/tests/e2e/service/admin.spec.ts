import { expect, newPage, test } from './test';
import { Visitor } from './visitor';

test('an administrator makes an account, changes and deletes it', async ({ visit }) => {
  const root = await visit('Root', ['user', 'admin']);
  const { page } = root;
  await root.go();
  await root.menu('Administration');
  await page.getByRole('button', { name: 'New account …' }).click();
  await page.getByLabel('User name').fill('grace');
  await page.getByLabel('First password', { exact: true }).fill('nanoseconds and more');
  await page.getByRole('button', { name: 'Make account' }).click();
  const row = page.getByRole('listitem').filter({ hasText: 'grace' });
  await expect(row).toBeVisible();
  const act = async (item: string): Promise<void> => {
    await row.getByRole('button', { name: 'Actions for grace' }).click();
    await row.getByRole('menuitem', { name: item }).click();
  };
  await act('Make an administrator');
  await expect(row).toContainText('administrator');
  await act('Disable …');
  await row.getByRole('button', { name: 'Disable' }).click();
  await expect(row).toContainText('disabled');
  await expect(root.service.login('grace', 'nanoseconds and more')).rejects.toThrow(/401/);
  await act('Enable');
  await expect(row).not.toContainText('disabled');
  await act('Groups …');
  await row.getByLabel('Groups', { exact: true }).fill('Class-1, lab');
  await row.getByRole('button', { name: 'Save' }).click();
  await expect(row).toContainText(/in \W?class-1\W?, \W?lab/); // each name in its own direction
  await page.getByLabel('In the group').fill('Class-1');
  await expect(page.getByRole('listitem').filter({ hasText: root.name })).toBeHidden();
  await page.getByLabel('Name begins with').fill('GRA');
  await expect(row).toBeVisible();
  await page.getByLabel('Name begins with').fill('nobody');
  await expect(page.getByText('No accounts.')).toBeVisible();
  await page.getByLabel('Name begins with').fill('');
  await page.getByLabel('In the group').fill('');
  await act('Set password …');
  await row.getByLabel('New password', { exact: true }).fill('microseconds and less');
  await row.getByRole('button', { name: 'Set password' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  await root.service.login('grace', 'microseconds and less');
  await act('Delete …');
  await row.getByRole('button', { name: 'Delete' }).click();
  await expect(row).toBeHidden();
  await page.getByRole('link', { name: 'Audit' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'Account deleted' }).first()).toContainText(root.name);
  await page.getByLabel('What', { exact: true }).selectOption('Failed login');
  await expect(page.getByRole('row').nth(1)).toContainText('Failed login');
});

test('an invitation is a link with which one person registers', async ({ browser, visit, errors }) => {
  const root = await visit('Root', ['user', 'admin']);
  await root.go('admin/invitations');
  await root.page.getByRole('button', { name: 'Invite' }).click();
  const link = await root.page.getByLabel('The invitation', { exact: true }).inputValue();
  const page = await newPage(browser, errors);
  const guest = new Visitor(page, root.service, 'Guest', 'invited by the best');
  await page.goto(link);
  await expect(page.getByLabel('Invitation', { exact: true })).not.toHaveValue('');
  await guest.type();
  await expect(guest.box).toBeVisible();
  await root.page.reload();
  await expect(root.page.getByText('No invitations.')).toBeVisible();
  expect(await root.service.log).not.toContain(link.split('invitation=')[1]);
  await guest.context.close();
});

test('who is no administrator finds no administration', async ({ ada }) => {
  await ada.page.getByRole('button', { name: /^Account of/ }).click();
  await expect(ada.page.getByRole('menuitem', { name: 'Administration' })).toHaveCount(0);
  await ada.go('admin/users');
  await expect(ada.page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
});

test('quotas of a person hold, and the page says what is left', async ({ visit }) => {
  const [root, ada] = [await visit('Root', ['user', 'admin']), await visit('Ada')];
  await root.go('admin/users');
  const row = root.page.getByRole('listitem').filter({ hasText: ada.name });
  await row.getByRole('button', { name: `Actions for ${ada.name}` }).click();
  await row.getByRole('menuitem', { name: 'Quotas …' }).click();
  await row.getByLabel('Tokens a day').fill('100');
  await row.getByRole('button', { name: 'Save' }).click();
  await expect(row).toContainText('own quotas');
  await ada.go('settings/usage');
  await expect(ada.page.getByText('100 of 100 tokens left')).toBeVisible();
  await ada.go();
  await ada.ended(await ada.ask('word '.repeat(400), 'echo')); // the last answer may be longer than what is left
  await ada.box.fill('One more');
  await ada.box.press('Enter');
  await expect(ada.root.getByRole('alert')).toContainText('used');
  await ada.go('settings/usage');
  await expect(ada.page.getByText('0 of 100 tokens left')).toBeVisible();
  await expect(ada.page.getByText('Used up')).toBeVisible();
  await expect(ada.page.getByRole('row').filter({ hasText: 'scripted/echo' })).toBeVisible();
  await root.go('admin/usage');
  await expect(root.page.getByRole('row').filter({ hasText: ada.name })).toContainText('scripted/echo');
});
