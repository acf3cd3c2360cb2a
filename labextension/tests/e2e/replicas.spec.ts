import { LabServer } from './lab-server';
import { Panel } from './panel';
import { SharedParts } from './shared-parts';
import { expect, test as base } from './test';

const MODEL = 'counter-120-50';
const COUNT = Array.from({ length: 120 }, (_, i) => ` ${i + 1}`).join('');

/** Two JupyterLabs of one person, on the same MongoDB and Redis, each with its panel in a tab. */
const test = base.extend<{ two: readonly [Panel, Panel] }>({
  two: async ({ page, errors: _ }, provide) => {
    const parts = await SharedParts.start();
    const options = { models: [MODEL], args: parts.args };
    const labs = await Promise.all([LabServer.start(options), LabServer.start(options)]);
    const two = [new Panel(page, labs[0]), new Panel(await page.context().newPage(), labs[1])] as const;
    for (const panel of two) {
      await panel.open();
    }
    await provide(two);
    await Promise.all(labs.map(lab => lab.stop()));
    await parts.stop();
  }
});

test.describe.configure({ timeout: 120_000 });

test('two servers: an answer streams in both, is stopped from the other, and outlives its server', async ({ two }) => {
  const [here, there] = two;
  const first = await here.ask('Count to 120', MODEL);
  await (await there.inList('Count to 120')).getByRole('button').first().click();
  const seen = there.answers.first();
  await expect(seen).toContainText('20 21 22');
  await there.stop.click();
  await here.ended(first, 2000);
  await there.ended(seen, 2000);
  expect(await there.textOf(seen)).toBe(await here.textOf(first));

  await here.ask('Once more', MODEL);
  await expect(there.questions.filter({ hasText: 'Once more' })).toBeVisible();
  const second = there.answers.nth(1);
  await expect(second).toContainText('30 31 32');
  await here.lab.kill();
  await expect(second.getByText('continued')).toBeVisible({ timeout: 15_000 });
  await there.ended(second);
  expect(await there.textOf(second)).toBe(COUNT);
});
