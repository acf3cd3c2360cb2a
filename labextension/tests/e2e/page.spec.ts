import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LabServer } from './lab-server';
import { MODEL, QUESTION } from './pictures/answers';
import type { Page } from '@playwright/test';
import { expect, test } from './test';

const DIST = resolve(__dirname, '../../dist/page');
const TYPES: Record<string, string> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };
/** The strictest policy that the page works under; it must never need more. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: https:; " +
  "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types jupyter-aichat";

/** Puts the built page on the server's own address, under the policy. */
async function serve(page: Page, lab: LabServer): Promise<void> {
  const root = `${lab.url}/aichat/`;
  await page.route(`${root}**`, async route => {
    const path = new URL(route.request().url()).pathname.slice('/aichat/'.length) || 'index.html';
    const body = (await readFile(join(DIST, path)))
      .toString()
      .replace('id="root"', 'id="root" data-api="/api/aichat/v1"');
    const contentType = TYPES[path.split('.').pop()!];
    await route.fulfill({ body, contentType, headers: { 'Content-Security-Policy': POLICY } });
  });
  await page.goto(`${root}?token=${lab.token}`);
}

test('the chat on a page of its own, under a strict policy', async ({ page, lab, errors: _ }) => {
  const refused: string[] = [];
  page.on('console', message => message.text().includes('Content Security Policy') && refused.push(message.text()));
  await serve(page, lab);
  const list = page.getByRole('navigation', { name: 'Chats' });
  await expect(list).toBeVisible(); // it stands beside the messages in a wide window
  await page.getByRole('button', { name: /^Model: / }).click();
  await page.getByRole('menuitemradio', { name: 'echo' }).click();
  const box = page.getByRole('textbox', { name: 'Message' });
  await box.fill(MODEL.answer(QUESTION));
  await box.press('Enter');
  const answer = page.locator('.aichat-assistant');
  await expect(answer.locator('math').first()).toBeAttached();
  await expect(answer.locator('.hljs-keyword').first()).toBeVisible();
  await expect(answer.locator('table')).toBeVisible();
  expect(refused).toEqual([]);
  const wide = await answer
    .locator('.aichat-block > p')
    .first()
    .evaluate(text => text.getBoundingClientRect().width);
  expect(wide).toBeLessThan(760); // 76 characters
});
