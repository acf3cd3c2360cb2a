import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { FakeOllama } from '../fake-ollama';
import { LabServer } from '../lab-server';
import { Panel, type Theme } from '../panel';
import { MODEL, QUESTION, SLOW } from './answers';
import { notebook, plot } from './notebook';

const IMAGES = resolve(__dirname, '../../../../docs/images');

const PICTURES: readonly (readonly [string, Theme])[] = [
  ['panel', 'JupyterLab Light'],
  ['panel-dark', 'JupyterLab Dark']
];

test.use({ viewport: { width: 1440, height: 1000 } });

for (const [name, theme] of PICTURES) {
  test(`${name}.png: a notebook, and an answer with code and LaTeX`, async ({ page }) => {
    const ollama = new FakeOllama([MODEL, SLOW]);
    await ollama.start();
    const lab = await LabServer.start({ ollama: ollama.url, models: null });
    try {
      await writeFile(join(lab.home, 'work', 'decay.ipynb'), JSON.stringify(notebook(await asPng(page, plot()))));
      const panel = new Panel(page, lab);
      await panel.open();
      await panel.theme(theme);
      await panel.command('application:toggle-left-area');
      await panel.command('docmanager:open', { path: 'decay.ipynb' });
      await expect(page.locator('.jp-Notebook .jp-Cell')).toHaveCount(4);
      await page.locator('.lm-TabBar-tab').filter({ hasText: 'Launcher' }).locator('.lm-TabBar-tabCloseIcon').click();
      await panel.show();
      await panel.resize(520);
      const answer = await panel.ask(QUESTION);
      await panel.ended(answer);
      await page.locator('.jp-Notebook .jp-Cell').first().hover();
      await page.screenshot({ path: join(IMAGES, `${name}.png`) });
    } finally {
      await lab.stop();
      await ollama.stop();
    }
  });
}

async function asPng(page: Page, svg: string): Promise<string> {
  await page.setContent(svg);
  return (await page.locator('svg').screenshot()).toString('base64');
}
