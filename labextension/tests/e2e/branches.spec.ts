import { expect, test } from './test';

test('an edited question becomes a branch, and both can be seen', async ({ panel, page }) => {
  await panel.ended(await panel.ask('one', 'echo'));
  const question = panel.questions.first();
  await question.hover();
  await question.getByRole('button', { name: 'Edit' }).click();
  const box = page.getByRole('textbox', { name: 'Edit the question' });
  await expect(box).toHaveValue('one');
  await box.fill('two');
  await box.press('Enter');
  await expect(panel.answers).toHaveText(/two/);
  await expect(question.getByText('2/2')).toBeVisible();
  await question.getByRole('button', { name: 'Previous version' }).click();
  await expect(panel.answers).toHaveText(/one/);
  await expect(panel.questions.getByText('1/2')).toBeVisible();
  await panel.reload(); // the shown branch is the chat's
  await expect(panel.answers).toHaveText(/one/);
});

test('another answer is a version beside the first', async ({ panel }) => {
  const answer = await panel.ask('again', 'counter');
  await panel.ended(answer);
  await answer.hover();
  await answer.getByRole('button', { name: 'Regenerate' }).click();
  await expect(panel.answers.getByText('2/2')).toBeVisible();
  await expect(panel.answers).toContainText('398 399 400');
  await panel.answers.getByRole('button', { name: 'Previous version' }).click();
  await expect(panel.answers.getByText('1/2')).toBeVisible();
  await expect(panel.answers).toHaveCount(1);
});

test('an answer and its code are copied as they were written', async ({ panel, page }) => {
  const text = 'Some **bold** words\n\n```python\nx = 1\n```';
  const answer = await panel.ask(text, 'echo');
  await panel.ended(answer);
  expect(await panel.textOf(answer)).toBe(text);
  await answer.getByRole('button', { name: 'Copy code' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('x = 1\n');
});
