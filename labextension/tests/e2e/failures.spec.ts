import { expect, test } from './test';

test('a failed run says what happened and what to do', async ({ panel, page }) => {
  const answer = await panel.ask('Fail', 'fail-model_not_found-after-0');
  const failed = answer.getByRole('alert');
  await expect(failed).toContainText('The script of this model fails here (model_not_found).');
  await failed.getByText('Details').click();
  await expect(failed.locator('pre')).toContainText('"code": "model_not_found"');
  const [message] = await panel.messages();
  await expect(failed.locator('pre')).toContainText((message as { run_id?: string }).run_id!);
  await panel.choose('counter');
  await failed.getByRole('button', { name: 'Try again' }).click();
  await expect(panel.answers).toContainText('398 399 400');
  await expect(page.locator('.jp-Dialog')).toHaveCount(0);
});

test('what came before a failure stays', async ({ panel }) => {
  const answer = await panel.ask('Fail later', 'fail-provider_error-after-3');
  await expect(answer.getByRole('alert')).toBeVisible();
  await expect(answer).toContainText('1 2 3');
});

test('an answer that was cut goes on with Continue', async ({ panel }) => {
  const answer = await panel.ask('Cut', 'cut-after-5');
  await expect(answer.getByText('Interrupted: the model server closed the connection')).toBeVisible();
  await answer.getByRole('button', { name: 'Continue' }).click();
  await panel.ended(answer);
  expect(await panel.textOf(answer)).toBe(Array.from({ length: 400 }, (_, i) => ` ${i + 1}`).join(''));
});
