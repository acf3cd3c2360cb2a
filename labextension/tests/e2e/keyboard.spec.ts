import { expect, test } from './test';

test('a whole first chat goes by keyboard alone', async ({ panel, page }) => {
  const model = panel.root.getByRole('button', { name: /^Model: / });
  await page.keyboard.press('Tab');
  await expect(model).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.type('counter-100');
  await page.keyboard.press('Home');
  await page.keyboard.press('e'); // the first that begins so
  await page.keyboard.press('Enter');
  await expect(model).toBeFocused();
  await expect(model).toHaveAccessibleName(/^Model: e/);
  await page.keyboard.press('Shift+Tab');
  await expect(panel.box).toBeFocused();
  await page.keyboard.type('line one');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('line two');
  await expect(panel.answers).toHaveCount(0);
  await page.keyboard.press('Enter');
  await expect(panel.questions).toHaveText(/line one\s+line two/);
  await expect(panel.answers.first()).toContainText('1 2 3');
  await page.keyboard.press('Escape');
  await expect(panel.answers.getByText('Stopped', { exact: true })).toBeVisible();
  await expect(panel.box).toBeFocused();
});

test('Alt and arrows go from message to message, and letters act on it', async ({ panel, page }) => {
  const text = 'see\n\n```python\nx = 1\n```';
  await panel.ended(await panel.ask(text, 'echo'));
  await page.keyboard.press('Alt+ArrowUp');
  await expect(panel.answers.first()).toBeFocused();
  await page.keyboard.press('c');
  await expect(panel.answers.locator('.aichat-actions').getByRole('button', { name: 'Copied' })).toBeVisible();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(text); // the answer, not its code
  await page.keyboard.press('r');
  await expect(panel.answers.getByText('2/2')).toBeVisible();
  await page.keyboard.press('Alt+ArrowDown');
  await expect(panel.box).toBeFocused();
  await page.keyboard.press('Alt+ArrowUp');
  await page.keyboard.press('Alt+ArrowUp');
  await expect(panel.questions.first()).toBeFocused();
  await page.keyboard.press('e');
  await expect(page.getByRole('textbox', { name: 'Edit the question' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(panel.questions.first()).toBeFocused();
});

test('↑ in the empty box edits the last question', async ({ panel, page }) => {
  await panel.ended(await panel.ask('first words', 'echo'));
  await expect(panel.box).toBeFocused();
  await page.keyboard.press('ArrowUp');
  await expect(page.getByRole('textbox', { name: 'Edit the question' })).toHaveValue('first words');
  await page.keyboard.press('Escape');
  await panel.box.fill('not empty');
  await page.keyboard.press('ArrowUp');
  await expect(page.getByRole('textbox', { name: 'Edit the question' })).toHaveCount(0);
});

test('Ctrl+K finds a chat, Escape goes back step by step', async ({ panel, page }) => {
  await panel.ended(await panel.ask('Find me by keys', 'echo'));
  await panel.newChat();
  await page.keyboard.press('Control+k');
  await expect(panel.root.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type('find me by');
  await expect(panel.root.getByRole('navigation').getByRole('listitem')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(panel.questions).toHaveText(/Find me by keys/);
  await expect(panel.box).toBeFocused();
  await page.keyboard.press('Control+k');
  await page.keyboard.press('Escape');
  await expect(panel.root.getByRole('navigation')).toBeHidden();
  await expect(panel.box).toBeFocused();
});

test("JupyterLab's own keys leave the box alone", async ({ panel, page }) => {
  const files = page.locator('#jp-left-stack');
  await expect(files).toBeVisible();
  await panel.box.fill('x');
  await page.keyboard.press('Control+b');
  await page.keyboard.type('y');
  await expect(panel.box).toHaveValue('xy');
  await expect(files).toBeVisible();
});

test('an answer is told once, when it has ended', async ({ panel }) => {
  const told = panel.root.locator('div.aichat-unseen[role="status"]'); // beside the notes of titles, which are paragraphs
  const answer = await panel.ask('Count', 'counter-100-50');
  await expect(answer).toContainText('1 2 3');
  await expect(told).toHaveText('');
  await panel.ended(answer);
  await expect(told).toHaveText(/98 99 100$/);
});
