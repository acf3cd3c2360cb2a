import { expect, test } from './test';

test('a first question is answered, and the chat is kept', async ({ panel, lab }) => {
  await expect(panel.root.getByText('Ask about your work', { exact: false })).toBeVisible();
  const answer = await panel.ask('Hello there', 'counter-100-50');
  await expect(answer).toContainText('5 6 7');
  await expect(panel.stop).toBeVisible();
  await panel.ended(answer);
  const { items } = await lab.api<{ items: { title: string }[] }>('GET', 'chats');
  expect(items.map(chat => chat.title)).toContain('Hello there');
});
