import { LabServer } from './lab-server';
import { Panel } from './panel';
import { expect, test as base } from './test';

/** A JupyterLab of its own, which the test may kill. */
const test = base.extend<{ mine: Panel }>({
  mine: async ({ page, errors: _ }, provide) => {
    const lab = await LabServer.start({ models: ['counter-200-50'] });
    const panel = new Panel(page, lab);
    await panel.open();
    await provide(panel);
    await lab.stop();
  }
});

test.describe.configure({ timeout: 120_000 });

test('a killed server: the panel says so, comes back by itself, and the answer can go on', async ({ mine }) => {
  const { lab, root } = mine;
  const answer = await mine.ask('Count to 200', 'counter-200-50');
  await expect(answer).toContainText('30 31 32');
  await lab.kill();
  await expect(root.getByText('Reconnecting …')).toBeVisible();
  await mine.dismiss();
  await lab.start();
  await expect(root.getByText('Reconnecting …')).toBeHidden({ timeout: 40_000 });
  await expect(answer.getByText('Interrupted: the server restarted')).toBeVisible({ timeout: 20_000 });
  await expect(answer).toContainText('1 2 3');
  await answer.getByRole('button', { name: 'Continue' }).click();
  await mine.ended(answer);
  expect(await mine.textOf(answer)).toBe(Array.from({ length: 200 }, (_, i) => ` ${i + 1}`).join(''));
  await mine.reload();
  await expect(mine.answers).toContainText('198 199 200');
});

test('a question that the server could not take is kept, and sent when it is back', async ({ mine, page }) => {
  const { lab, root } = mine;
  await mine.ended(await mine.ask('Before', 'counter'));
  await lab.kill();
  await expect(root.getByText('Reconnecting …')).toBeVisible();
  await mine.dismiss();
  await mine.box.fill('Said while nobody listened');
  await mine.box.press('Enter');
  const question = mine.questions.filter({ hasText: 'Said while nobody listened' });
  await expect(question).toHaveAttribute('data-status', 'sending');
  await expect(question.getByRole('button', { name: 'Retry' })).toBeVisible({ timeout: 15_000 });
  await expect(page.locator('.jp-Dialog').filter({ hasText: 'Said' })).toHaveCount(0);
  await lab.start();
  await expect(root.getByText('Reconnecting …')).toBeHidden({ timeout: 40_000 });
  await expect(mine.answers).toHaveCount(2);
  await mine.ended(mine.answers.nth(1));
  await expect(question).toHaveCount(1); // once, however often it was sent
  const messages = await mine.messages();
  expect(messages.filter(each => each.role === 'user')).toHaveLength(2);
});

test('typing goes on while the server is away', async ({ mine }) => {
  const { lab, root } = mine;
  await lab.kill();
  await expect(root.getByText('Reconnecting …')).toBeVisible();
  await mine.dismiss();
  await mine.box.fill('still here');
  await mine.page.reload().catch(() => undefined); // there is nobody to load the page from
  await lab.start();
  await mine.open();
  await expect(mine.box).toHaveValue('still here');
});
