import { expect, test } from './test';

test('a session that is ended in another browser is out within two seconds, and what was typed is kept', async ({
  ada,
  service
}) => {
  await ada.box.fill('Half a thought');
  const token = await service.login(ada.name, ada.password);
  const { items } = await service.api<{ items: { id: string; current: boolean }[] }>(
    'GET',
    'sessions',
    undefined,
    token
  );
  const other = items.find(each => !each.current)!;
  await service.api('DELETE', `sessions/${other.id}`, undefined, token);
  await ada.isOut(/Your session has ended/, 2_000);
  await ada.type();
  await expect(ada.box).toHaveValue('Half a thought');
});

test('what one person typed does not wait for another', async ({ ada, visit }) => {
  const bob = await visit('Bob');
  await ada.box.fill('Half a thought');
  await ada.page.goto(`${ada.service.url}settings/security`);
  await ada.page.getByRole('button', { name: 'Log out everywhere …' }).click();
  await ada.page.getByRole('button', { name: 'Log out everywhere', exact: true }).click();
  await ada.isOut(/logged out/);
  await ada.page.getByLabel('User name').fill(bob.name);
  await ada.page.getByLabel('Password', { exact: true }).fill(bob.password);
  await ada.page.keyboard.press('Enter');
  await expect(ada.box).toBeVisible();
  await expect(ada.box).toHaveValue('');
});

test('a user who is disabled while the page is open is out within two seconds, and told why', async ({
  ada,
  service
}) => {
  const running = await ada.ask('Count', 'endless-50');
  await expect(running).toContainText('1 2 3');
  const { items } = await service.asAdmin<{ items: { id: string; name: string }[] }>('GET', 'admin/users?limit=200');
  const account = items.find(each => each.name === ada.name)!;
  await service.asAdmin('PATCH', `admin/users/${account.id}`, { disabled: true });
  await ada.isOut(/disabled or deleted/, 2_000);
});

test('tabs that are loaded at once do not log each other out', async ({ ada }) => {
  const tabs = [ada.page, await ada.context.newPage(), await ada.context.newPage()];
  for (let round = 0; round < 3; round++) {
    await Promise.all(tabs.map(tab => tab.goto(ada.service.url, { waitUntil: 'commit' })));
  }
  for (const tab of tabs) {
    await expect(tab.getByRole('textbox', { name: 'Message', exact: true })).toBeVisible();
  }
});

test('a logout in one tab is one in all', async ({ ada }) => {
  const other = await ada.context.newPage();
  await other.goto(ada.service.url);
  await expect(other.getByRole('textbox', { name: 'Message', exact: true })).toBeVisible();
  await ada.menu('Log out');
  await ada.isOut(/You are logged out/);
  await expect(other.getByRole('heading', { name: 'Log in' })).toBeVisible({ timeout: 2_000 });
});

test('another person in another tab of the same browser is not shown the first one’s chats', async ({ ada, visit }) => {
  const bob = await visit('Bob');
  await ada.ended(await ada.ask('Of Ada alone', 'echo'));
  await ada.context.request.post(`${ada.service.url}api/aichat/v1/auth/login`, {
    data: { username: bob.name, password: bob.password, cookie: true }
  });
  await ada.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await ada.page.reload();
  await expect(ada.page.getByRole('button', { name: 'Account of Bob' })).toBeVisible();
  await expect(ada.root).not.toContainText('Of Ada alone');
});

test('the chat goes on where sockets do not get through', async ({ visit }) => {
  const ada = await visit('Ada');
  await ada.page.addInitScript(() => {
    window.WebSocket = class extends EventTarget {
      readyState = 3;
      onclose: ((event: object) => void) | null = null;
      constructor() {
        super();
        setTimeout(() => this.onclose?.({ code: 1006, reason: '' }));
      }
      close(): void {}
      send(): void {}
    } as unknown as typeof WebSocket;
  });
  await ada.go();
  const answer = await ada.ask('Count', 'counter-100-50');
  await expect(answer).toContainText('1 2 3', { timeout: 20_000 });
  await ada.ended(answer);
  await expect(answer).toContainText('99 100');
});

test('the access token is in no storage and no address', async ({ ada }) => {
  const [request] = await Promise.all([
    ada.page.waitForRequest(each => each.url().endsWith('/api/aichat/v1/me')),
    ada.page.reload()
  ]);
  const bearer = request.headers().authorization.replace('Bearer ', '');
  await expect(ada.box).toBeVisible();
  const kept = await ada.page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])
  );
  expect(bearer.length).toBeGreaterThan(40);
  expect(kept).not.toContain(bearer);
  expect(kept).not.toContain('aichat_refresh');
  expect(await ada.service.log).not.toContain(bearer);
});
