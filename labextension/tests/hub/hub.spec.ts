import { expect, test, type Browser, type Page } from '@playwright/test';
import type { LabServer } from '../e2e/lab-server';
import { Panel } from '../e2e/panel';

const HUB = process.env.HUB_URL!;
const PAGE = `${HUB}/services/aichat/`;
const ANSWER = '1 2 3 4 5';

/** Somebody with a browser of the own, who has logged in at the Hub on the way to a place of the page. */
async function arrive(browser: Browser, name: string, place = ''): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(PAGE + place);
  await page.getByLabel('Username:').fill(name);
  await page.getByLabel('Password:').fill('any');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(PAGE + place);
  return page;
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message', exact: true }).fill(text);
  await page.keyboard.press('Enter');
  await expect(page.locator('.aichat-assistant').last()).toContainText(ANSWER);
}

test('two people log in, chat on the page and in JupyterLab, and see nothing of each other', async ({ browser }) => {
  const [ada, eve] = [await arrive(browser, 'ada'), await arrive(browser, 'eve')];
  await ask(ada, 'A question of Ada’s');
  await ask(eve, 'A question of Eve’s');
  await expect(ada).toHaveURL(/\/chats\/\w+$/);
  const [adas, list] = [ada.url(), ada.getByRole('navigation', { name: 'Chats' })];
  await expect(list.getByText('A question of Ada’s')).toBeVisible();
  await expect(list.getByText('Eve’s')).toHaveCount(0);

  await ada.reload(); // through the Hub and back, or by the cookie: nobody notices
  await expect(ada.locator('.aichat-assistant').last()).toContainText(ANSWER);
  await eve.goto(adas);
  await expect(eve.getByRole('textbox', { name: 'Message', exact: true })).toBeVisible();
  await expect(eve.getByText('A question of Ada’s')).toHaveCount(0);

  await ada.goto(`${HUB}/user/ada/lab?reset`);
  const panel = new Panel(ada, {} as LabServer);
  await panel.started();
  await panel.box.fill('A question in my own JupyterLab');
  await panel.box.press('Enter');
  await expect(panel.answers.last()).toContainText(ANSWER);
  expect(await panel.root.textContent()).not.toContain('Eve’s');
  await eve.goto(`${HUB}/user/ada/lab`);
  await expect(eve.locator('#jupyter-aichat-panel')).toHaveCount(0);
  await ada.goto(PAGE);
  await expect(list.getByText('A question in my own JupyterLab')).toBeVisible();
});

test('what runs at the same address, as in somebody’s own server, gets nothing by the visitor’s cookie', async ({
  browser
}) => {
  const ada = await arrive(browser, 'ada');
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin' }; // as who knows ours may send it
  const trap = `${HUB}/user/eve/trap`;
  await ada.route(trap, route => route.fulfill({ contentType: 'text/html', body: '<title>Trap</title>', headers }));
  await ada.goto(trap);
  const got = await ada.evaluate(async root => {
    const text = async (path: string, init?: RequestInit): Promise<string> => (await fetch(root + path, init)).text();
    const json = { 'Content-Type': 'application/json' };
    const frame = Object.assign(document.createElement('iframe'), { src: root });
    const framed = new Promise<string>(done => (frame.onload = () => done(frame.contentDocument?.title ?? 'nothing')));
    document.body.append(frame);
    const socket = new WebSocket(`${root.replace('http', 'ws')}api/aichat/v1/ws`, 'aichat.v1');
    const socketEnds = new Promise<string>(done => {
      socket.onmessage = () => done('open');
      socket.onclose = () => done('closed');
    });
    return {
      page: /aichat-access/.test(await text('')),
      renewed: await text('api/aichat/v1/auth/refresh', { method: 'POST', body: '{}', headers: json }),
      chats: await text('api/aichat/v1/chats'),
      socket: await socketEnds,
      framed: await framed
    };
  }, PAGE);
  expect(got.page).toBe(false);
  expect(JSON.parse(got.renewed)).toMatchObject({ code: 'unauthenticated' });
  expect(JSON.parse(got.chats)).toMatchObject({ code: 'unauthenticated' });
  expect([got.socket, got.framed]).toEqual(['closed', 'nothing']);

  const opened = ada.context().waitForEvent('page');
  await ada.evaluate(root => void Object.assign(window, { other: window.open(root) }), PAGE);
  const other = await opened;
  await expect(other.getByRole('textbox', { name: 'Message', exact: true })).toBeVisible(); // it is a page as any
  expect(await ada.evaluate('window.other.closed')).toBe(true); // and is out of reach
  expect(await other.evaluate('window.opener')).toBeNull();
});

test('who logs out is asked for the name again', async ({ browser }) => {
  const eve = await arrive(browser, 'eve', 'settings/profile');
  await expect(eve.getByRole('link', { name: 'Tokens' })).toHaveCount(0);
  await eve.goto(PAGE);
  await eve.getByRole('button', { name: 'Account of eve' }).click();
  await eve.getByRole('menuitem', { name: 'Log out' }).click();
  await expect(eve).toHaveURL(/\/hub\/login/);
  await eve.goto(`${PAGE}login`);
  await eve.getByRole('link', { name: 'Sign in with JupyterHub' }).click();
  await expect(eve.getByLabel('Username:')).toBeVisible();
});
