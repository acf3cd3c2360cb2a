import { LabServer } from './lab-server';
import { Panel } from './panel';
import { ServiceServer } from './service/service-server';
import { expect, test as base } from './test';

interface Remote {
  panel: Panel;
  service: ServiceServer;
  /** Ada's credentials: of her session at the service, and of her JupyterLab. */
  session: string;
  token: { id: string; token: string };
}

/** Ada's own JupyterLab, which forwards to a service where she has an account. */
const test = base.extend<{ remote: Remote }>({
  remote: async ({ page, errors: _ }, provide) => {
    const service = await ServiceServer.start();
    await service.api('POST', 'auth/register', { username: 'ada', password: 'correct horse battery' });
    const session = await service.login('ada', 'correct horse battery');
    const token = await service.api<Remote['token']>('POST', 'tokens', { name: 'JupyterLab' }, session);
    const args = [`--RemoteMode.service_url=${service.url}`, `--RemoteMode.token=${token.token}`];
    const lab = await LabServer.start({ args });
    const panel = new Panel(page, lab);
    await panel.open();
    await provide({ panel, service, session, token });
    await page.close(); // it would go on asking
    await lab.stop();
    await service.stop();
  }
});

test.describe.configure({ timeout: 120_000 });

test('the panel over remote mode: the chat is the service’s, its token never comes here, its ends are told', async ({
  remote: { panel, service, session, token },
  page
}) => {
  const seen: string[] = [await page.content()];
  page.on('response', async answer => seen.push(await answer.text().catch(() => '')));
  page.on('websocket', socket => socket.on('framereceived', ({ payload }) => seen.push(String(payload))));
  await panel.reload();
  const answer = await panel.ask('Count to 100', 'counter-100-50');
  await expect(answer).toContainText('10 11 12');
  await panel.reload(); // in mid-answer
  await panel.ended(panel.answers.first());
  expect(await panel.textOf(panel.answers.first())).toBe(Array.from({ length: 100 }, (_, i) => ` ${i + 1}`).join(''));
  const chats = await service.api<{ items: { title: string }[] }>('GET', 'chats', undefined, session);
  expect(chats.items.map(chat => chat.title)).toEqual(['Count to 100']);
  expect(seen.join('\n')).not.toContain(token.token);

  await panel.root.getByRole('button', { name: 'More', exact: true }).click();
  await panel.root.getByRole('menuitem', { name: 'Share …' }).click();
  const dialog = panel.root.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make a link' }).click();
  const link = await dialog.locator('.aichat-share-link input').inputValue();
  expect(link.startsWith(`${service.url}shared/`)).toBe(true); // where others come to: not this JupyterLab
  await dialog.getByRole('button', { name: 'Close' }).click();

  await service.kill();
  const away = panel.root.getByText('The chat service does not answer.');
  await expect(away).toBeVisible();
  await panel.box.fill('Count again');
  await service.run();
  await expect(away).toBeHidden();
  await expect(panel.box).toHaveValue('Count again');
  await panel.box.press('Enter');
  await panel.ended(panel.answers.nth(1));
  expect(await panel.textOf(panel.answers.nth(1))).toBe(await panel.textOf(panel.answers.first()));

  await service.api('DELETE', `tokens/${token.id}`, undefined, session);
  await expect(panel.root.getByText("The chat service does not take this server's token.")).toBeVisible();
});
