import { readFile } from 'node:fs/promises';
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './test';

test('all chats are taken along, and somebody else imports them', async ({ ada, visit, service }) => {
  await ada.ended(await ada.ask('Take me along', 'counter'));
  await ada.list.getByRole('button', { name: 'Actions for all chats' }).click();
  const coming = ada.page.waitForEvent('download');
  await ada.root.getByRole('menuitem', { name: 'Export all chats' }).click();
  const file = await (await coming).path();
  const eve = await visit('Eve');
  await eve.go();
  await eve.list.getByRole('button', { name: 'Actions for all chats' }).click();
  await eve.root.getByRole('menuitem', { name: 'Import chats …' }).click();
  const dialog = eve.root.getByRole('dialog', { name: 'Import chats' });
  await dialog.getByLabel('Files').setInputFiles(file);
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(dialog.getByRole('status')).toContainText('1 chat was imported.');
  const { violations } = await new AxeBuilder({ page: eve.page }).include('.aichat').analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await dialog.getByRole('button', { name: 'Take me along' }).click();
  await expect(eve.answers).toContainText('398 399 400');
  const token = await service.login(eve.name, eve.password);
  const [chat] = (await service.api<{ items: { id: string }[] }>('GET', 'chats', undefined, token)).items;
  const [own] = (JSON.parse(await readFile(file, 'utf8')) as { chats: { id: string }[] }).chats;
  expect(chat.id).not.toBe(own.id);
});
