import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { MODEL, QUESTION } from '../pictures/answers';
import { expect, newPage, test } from './test';
import type { Visitor } from './visitor';

const VIEWS: readonly (readonly [string, string | RegExp])[] = [
  ['', 'New chat'],
  ...(['profile', 'security', 'tokens', 'usage', 'data'] as const).map(part => [`settings/${part}`, /./] as const),
  ...(['users', 'invitations', 'usage', 'audit'] as const).map(part => [`admin/${part}`, /./] as const)
];

/** In the dark only the colours are others. */
async function check(page: Page, view: string, dark: boolean): Promise<void> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (dark ? axe.withRules('color-contrast') : axe).analyze();
  const found = violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 200)}`));
  expect.soft(found, view).toEqual([]);
}

async function fits(page: Page, view: string): Promise<void> {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect.soft(wide, `${view} is wider than the window`).toBeLessThanOrEqual(0);
}

/** Gives somebody a list of many chats, a group, and a chat with everything that an answer can have; returns a link to it. */
async function furnish(root: Visitor): Promise<string> {
  const { service, name, password } = root;
  const token = await service.login(name, password);
  const { owner_id: id } = await service.api<{ owner_id: string }>('GET', 'me', undefined, token);
  await service.asAdmin('PATCH', `admin/users/${id}`, { groups: ['class-1'], quotas: [{ tokens_per_day: 1_000_000 }] });
  const titles = ['قائمة بالنماذج', ...Array.from({ length: 30 }, (_, index) => `About number ${index}`)];
  await Promise.all(titles.map(title => service.api('POST', 'chats', { title }, token)));
  await root.go();
  await root.ended(await root.ask('Think', 'thinker'));
  await root.ended(await root.ask('Which tool?', 'tooler'));
  await root.ended(await root.ask('Fail', 'fail-provider_error-after-20'));
  await root.ended(await root.ask(`${MODEL.answer(QUESTION)}\n\n![x](https://a.example/x.png)`, 'echo'));
  await expect(root.answers.locator('math').first()).toBeAttached();
  for (const fold of await root.answers.locator('summary').all()) {
    await fold.click();
  }
  const chats = await service.api<{ items: { id: string }[] }>('GET', 'chats?limit=1', undefined, token);
  const share = await service.api<{ token: string }>('POST', `chats/${chats.items[0].id}/shares`, {}, token);
  return `shared/${share.token}`;
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any view: ${colorScheme}`, async ({ visit, browser, errors, service }) => {
    test.setTimeout(90_000);
    const out = await newPage(browser, errors);
    await out.emulateMedia({ colorScheme });
    for (const view of ['login', 'register']) {
      await out.goto(service.url + view);
      await expect(out.getByRole('heading').first()).toBeVisible();
      await check(out, view, colorScheme === 'dark');
    }
    const root = await visit('Root', ['user', 'admin']);
    await root.page.emulateMedia({ colorScheme });
    const link = await furnish(root);
    await check(root.page, 'chat with all that there is', colorScheme === 'dark');
    await root.root.getByRole('button', { name: 'More', exact: true }).click();
    await root.root.getByRole('menuitem', { name: 'Share …' }).click();
    await expect(root.root.getByRole('button', { name: /^Revoke/ })).toBeVisible();
    await check(root.page, 'sharing', colorScheme === 'dark');
    await out.goto(service.url + link);
    await expect(out.getByRole('log').locator('math').first()).toBeAttached();
    await check(out, 'shared chat', colorScheme === 'dark');
    await out.context().close();
    for (const [view, heading] of VIEWS) {
      await root.go(view);
      await expect(root.page.getByRole('heading', { name: heading }).first()).toBeVisible();
      await expect(root.page.locator('[aria-busy="true"]')).toHaveCount(0);
      await check(root.page, view, colorScheme === 'dark');
    }
    await root.page.getByRole('button', { name: /^Account of/ }).click();
    await check(root.page, 'menu of the account', colorScheme === 'dark');
    await root.page.keyboard.press('Escape');
    await root.go('admin/users');
    await root.page.getByRole('button', { name: 'New account …' }).click();
    await check(root.page, 'new account', colorScheme === 'dark');
  });
}

test('every view fits a window of 320 px', async ({ visit, browser, errors, service }) => {
  const out = await newPage(browser, errors);
  const root = await visit('Root', ['user', 'admin']);
  for (const page of [out, root.page]) {
    await page.setViewportSize({ width: 320, height: 640 });
  }
  for (const view of ['login', 'register']) {
    await out.goto(service.url + view);
    await expect(out.getByRole('heading').first()).toBeVisible();
    await fits(out, view);
  }
  for (const [view, heading] of VIEWS) {
    await root.go(view);
    await expect(root.page.getByRole('heading', { name: heading }).first()).toBeVisible();
    await expect(root.page.locator('[aria-busy="true"]')).toHaveCount(0);
    await fits(root.page, view);
  }
  await out.context().close();
});

test('by keyboard alone: log in, ask, go to the settings and back, log out', async ({ visit, service }) => {
  const ada = await visit('Ada');
  await ada.context.clearCookies();
  const { page } = ada;
  const { keyboard } = page;
  await ada.go();
  await expect(page.getByLabel('User name')).toBeFocused();
  await keyboard.type(ada.name);
  await keyboard.press('Tab');
  await keyboard.type(ada.password);
  await keyboard.press('Enter');
  await expect(ada.box).toBeFocused();
  await keyboard.type('By keyboard');
  await keyboard.press('Enter');
  await ada.ended(ada.answers.first());
  await page.getByRole('button', { name: /^Account of/ }).focus();
  await keyboard.press('ArrowDown');
  await expect(page.getByRole('menuitem', { name: 'Settings' })).toBeFocused();
  await keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Profile' })).toBeFocused();
  await keyboard.press('Shift+Tab'); // the last of the parts
  await expect(page.getByRole('link', { name: 'Your data' })).toBeFocused();
  await keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Your data' })).toBeFocused();
  await page.goBack();
  await page.goBack();
  await expect(ada.answers).toHaveCount(1);
  await page.getByRole('button', { name: /^Account of/ }).focus();
  await keyboard.press('ArrowUp');
  await keyboard.press('Enter');
  await ada.isOut(/You are logged out/);
  expect(page.url()).toBe(`${service.url}login`);
});

test('by keyboard alone: the keyboard is back where it was, and in the list when its row is gone', async ({
  visit,
  service
}) => {
  const root = await visit('Root', ['user', 'admin']);
  const { page } = root;
  const { keyboard } = page;
  const names = [1, 2].map(number => `${root.name.toLowerCase()}-${number}`);
  for (const username of names) {
    await service.asAdmin('POST', 'admin/users', { username, password: 'correct horse battery', roles: ['user'] });
  }
  await root.go('admin/users');
  await page.getByLabel('Name begins with').fill(`${root.name}-`);
  const [first, second] = names.map(name => page.getByRole('button', { name: `Actions for ${name}` }));
  await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(2);
  await first.focus();
  await keyboard.press('ArrowUp'); // the last one: delete
  await keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await keyboard.press('Enter');
  await expect(first).toBeFocused();
  for (const next of [second, page.locator('.aichat-listing')]) {
    await keyboard.press('ArrowUp');
    await keyboard.press('Enter');
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await expect(next).toBeFocused();
  }
  await expect(page.getByText('No accounts.')).toBeVisible();
});
