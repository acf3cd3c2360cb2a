import { join, resolve } from 'node:path';
import { test } from '@playwright/test';
import { FakeOllama } from '../fake-ollama';
import { ServiceServer } from '../service/service-server';
import { Visitor } from '../service/visitor';
import { MODEL, QUESTION } from './answers';

const IMAGES = resolve(__dirname, '../../../../docs/images');

test.use({ viewport: { width: 1100, height: 680 } });

test('export.png: a chat that becomes a notebook', async ({ page }) => {
  const ollama = new FakeOllama([MODEL]);
  await ollama.start();
  const service = await ServiceServer.start(ollama.url);
  try {
    await service.asAdmin('POST', 'admin/users', { username: 'ada', password: 'a good sentence', display_name: 'Ada' });
    const ada = new Visitor(page, service, 'ada', 'a good sentence');
    await ada.enter();
    await ada.go();
    await ada.ended(await ada.ask(QUESTION));
    await ada.root.locator('.aichat-header').getByRole('button', { name: 'More' }).click();
    await ada.root.getByRole('menuitem', { name: 'Export …' }).click();
    await ada.root.getByRole('radio', { name: /Notebook/ }).check();
    await page.screenshot({ path: join(IMAGES, 'export.png') });
  } finally {
    await service.stop();
    await ollama.stop();
  }
});
