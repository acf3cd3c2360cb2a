import { join, resolve } from 'node:path';
import { expect, test } from '@playwright/test';
import { FakeOllama } from '../fake-ollama';
import { ServiceServer } from '../service/service-server';
import { Visitor } from '../service/visitor';
import { MODEL, QUESTION } from './answers';

const IMAGES = resolve(__dirname, '../../../../docs/images');
const BEFORE = [
  'Name the units of a decay rate',
  'A plot with two y axes in matplotlib',
  'Read a CSV file of 4 GB in pieces',
  'What does a p-value not say?'
];

const PICTURES = [
  ['page', 'light'],
  ['page-dark', 'dark']
] as const;

test.use({ viewport: { width: 1280, height: 860 } });

for (const [name, colorScheme] of PICTURES) {
  test(`${name}.png: an answer with code and LaTeX, beside other chats`, async ({ page }) => {
    const ollama = new FakeOllama([MODEL]);
    await ollama.start();
    const service = await ServiceServer.start(ollama.url);
    try {
      await service.asAdmin('POST', 'admin/users', {
        username: 'ada',
        password: 'a good sentence',
        display_name: 'Ada'
      });
      const ada = new Visitor(page, service, 'ada', 'a good sentence');
      await page.emulateMedia({ colorScheme });
      await ada.enter();
      await ada.go();
      for (const title of BEFORE) {
        await service.api('POST', 'chats', { title }, await service.login('ada', 'a good sentence'));
      }
      await ada.ended(await ada.ask(QUESTION));
      await expect(ada.list.getByRole('listitem')).toHaveCount(BEFORE.length + 1);
      await page.mouse.move(640, 4);
      await page.screenshot({ path: join(IMAGES, `${name}.png`) });
    } finally {
      await service.stop();
      await ollama.stop();
    }
  });
}
