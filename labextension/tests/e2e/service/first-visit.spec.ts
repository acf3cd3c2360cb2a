import { MODEL, QUESTION } from '../pictures/answers';
import { expect, newPage, test } from './test';
import { Visitor } from './visitor';

test('register, chat, load again in the middle of an answer, log out, log in', async ({ browser, service, errors }) => {
  const page = await newPage(browser, errors);
  const eve = new Visitor(page, service, 'Eve', 'a sentence is a good one');
  await eve.go();
  await expect(page).toHaveURL(`${service.url}login`);
  await page.getByRole('link', { name: 'Register' }).click();
  await eve.type();
  await expect(eve.box).toBeFocused();
  await expect(page).toHaveURL(service.url);

  const answer = await eve.ask('Count', 'counter-100-50');
  await expect(answer).toContainText('1 2 3');
  await expect(page).toHaveURL(/\/team\/chats\/\w+/);
  await page.reload();
  await expect(eve.answers).toContainText('1 2 3');
  await eve.ended(eve.answers.first());
  await expect(eve.answers).toContainText('99 100');
  const address = page.url();

  await eve.menu('Log out');
  await eve.isOut(/You are logged out/);
  await page.goto(address);
  await expect(page).toHaveURL(/login\?next=chats/);
  await eve.type('not this one');
  await expect(page.getByRole('alert')).toContainText('wrong');
  await eve.type();
  await expect(eve.answers).toContainText('99 100');
  await expect(page).toHaveURL(address);
  await eve.context.close();
});

test('code, tables and formulas under the strict policy', async ({ ada }) => {
  const answer = await ada.ask(MODEL.answer(QUESTION), 'echo');
  await expect(answer.locator('math').first()).toBeAttached();
  await expect(answer.locator('.aichat-math-display math')).toHaveCSS('display', 'block math');
  await expect(answer.locator('.hljs-keyword').first()).toBeVisible();
  await expect(answer.locator('table')).toBeVisible();
  const wide = await answer
    .locator('.aichat-block > p')
    .first()
    .evaluate(text => text.getBoundingClientRect().width);
  expect(wide).toBeLessThan(800); // 76 characters
});

test('two users at once see nothing of each other', async ({ visit }) => {
  const [ada, bob] = [await visit('Ada'), await visit('Bob')];
  await Promise.all([ada.go(), bob.go()]);
  const answers = await Promise.all([ada.ask('Of Ada alone', 'counter-100-50'), bob.ask('Of Bob alone', 'echo')]);
  await Promise.all([ada.ended(answers[0]), bob.ended(answers[1])]);
  await expect(ada.list).toContainText('Of Ada alone');
  await expect(bob.list).toContainText('Of Bob alone');
  await expect(ada.root).not.toContainText('Bob alone');
  await expect(bob.root).not.toContainText('Ada alone');
  await bob.page.goto(ada.page.url());
  await expect(bob.page).toHaveURL(bob.service.url); // as an address that nobody has
  await expect(bob.root).not.toContainText('Ada alone');
});

test('the browser’s own buttons go from chat to chat', async ({ ada }) => {
  await ada.ended(await ada.ask('The first', 'echo'));
  const first = ada.page.url();
  await ada.list.getByRole('button', { name: 'New chat' }).click();
  await expect(ada.page).toHaveURL(ada.service.url);
  await ada.ended(await ada.ask('The second'));
  await ada.list.getByRole('button', { name: 'The first', exact: true }).click();
  await expect(ada.page).toHaveURL(first);
  await ada.page.goBack();
  await expect(ada.answers).toContainText('The second');
  await ada.page.goForward();
  await expect(ada.answers).toContainText('The first');
});

for (const next of ['//evil.example', 'https:evil.example', 'javascript:alert(1)']) {
  test(`a login does not lead to ${next}`, async ({ visit }) => {
    const ada = await visit('Ada');
    await ada.go(`login?next=${encodeURIComponent(next)}`);
    await expect(ada.box).toBeVisible();
    expect(ada.page.url()).toBe(ada.service.url);
  });
}
