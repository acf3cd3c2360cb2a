import { expect, test } from './test';

test('a first question is answered, and the chat is kept', async ({ panel, lab }) => {
  await expect(panel.root.getByText('Ask about your work', { exact: false })).toBeVisible();
  const answer = await panel.ask('What are the numbers?', 'counter-100-50');
  await expect(answer).toContainText('5 6 7');
  await expect(panel.stop).toBeVisible();
  await panel.ended(answer);
  await expect(answer).toContainText('98 99 100');
  await expect(panel.stop).toBeHidden();
  const { items } = await lab.api<{ items: { title: string }[] }>('GET', 'chats');
  expect(items.map(chat => chat.title)).toContain('What are the numbers?');
});

test('an answer streams as Markdown, and what stands is not built anew', async ({ panel }) => {
  const answer = await panel.ask('Write something', 'markdown-8');
  const heading = answer.getByRole('heading', { name: 'Section 1', exact: true });
  await expect(heading).toBeVisible();
  await heading.evaluate(element => ((element as HTMLElement).dataset.seen = 'yes'));
  await expect(answer.locator('table').first()).toBeVisible();
  await expect(answer).toHaveAttribute('aria-busy', 'true');
  await panel.ended(answer);
  await expect(heading).toHaveAttribute('data-seen', 'yes');
  await expect(answer.locator('math').first()).toBeAttached();
  await expect(answer.locator('.hljs-keyword').first()).toHaveText('def');
  await expect(answer.getByText('```')).toHaveCount(0);
});

test('Stop ends the answer within a second, and the text stays', async ({ panel, lab }) => {
  const answer = await panel.ask('Count', 'endless-50');
  await expect(answer).toContainText('1 2 3 4 5');
  const begun = Date.now();
  await panel.stop.click();
  await expect(answer.getByText('Stopped', { exact: true })).toBeVisible({ timeout: 1000 });
  expect(Date.now() - begun).toBeLessThan(1000);
  await expect(answer).toContainText('1 2 3 4 5');
  const [message] = await panel.messages();
  expect(message.status).toBe('stopped');
  const { items } = await lab.api<{ items: unknown[] }>('GET', 'chats');
  expect(items.length).toBeGreaterThan(0);
});

test('a stopped answer goes on where it was', async ({ panel }) => {
  const answer = await panel.ask('Count', 'counter-100-50');
  await expect(answer).toContainText('1 2 3 4 5');
  await panel.stop.click();
  await answer.getByRole('button', { name: 'Continue' }).click();
  await expect(answer).toContainText('98 99 100');
  await panel.ended(answer);
  expect(await panel.textOf(answer)).toBe(counted(100));
});

test('a reload in mid-answer shows the same answer, still streaming, to its last byte', async ({ panel }) => {
  const before = await panel.ask('Count to 400', 'counter-400-20');
  await expect(before).toContainText('20 21 22');
  await panel.reload();
  const answer = panel.answers.first();
  await expect(answer).toContainText('20 21 22');
  await expect(answer).toHaveAttribute('aria-busy', 'true');
  await expect(panel.stop).toBeVisible();
  await panel.ended(answer);
  const [message] = await panel.messages();
  expect(message.parts[0].text).toBe(counted(400));
  expect(await panel.textOf(answer)).toBe(message.parts[0].text);
});

test('thinking is folded away, with its seconds', async ({ panel }) => {
  const answer = await panel.ask('Think', 'thinker');
  await panel.ended(answer);
  const thinking = answer.locator('.aichat-thinking');
  await expect(thinking.locator('summary')).toHaveText(/^Thought/);
  await expect(thinking.getByText('a b c')).toBeHidden();
  await thinking.locator('summary').click();
  await expect(thinking.getByText('a b c')).toBeVisible();
});

test('a model that loads says so, with its seconds', async ({ panel }) => {
  const answer = await panel.ask('Load', 'slow-load-2000');
  await expect(answer.getByText('Loading slow-load-2000 … 1 s')).toBeVisible();
  await panel.ended(answer);
  await expect(answer.getByText('Loading', { exact: false })).toBeHidden();
});

const counted = (last: number): string => Array.from({ length: last }, (_, i) => ` ${i + 1}`).join('');
