import { LabServer } from './lab-server';
import { Panel } from './panel';
import { RealOllama } from './real-ollama';
import { expect, test as base } from './test';

const WHY = 'no Ollama is built on this machine: `make ollama`';

/** The panel in a JupyterLab with the real Ollama; skipped, with the reason, where there is none, but never in CI. */
const test = base.extend<{ mine: Panel }, { ollama: RealOllama | null }>({
  ollama: [
    async ({ browserName: _ }, provide) => {
      const ollama = await RealOllama.start();
      await provide(ollama);
      await ollama?.stop();
    },
    { scope: 'worker', timeout: 180_000 }
  ],
  mine: async ({ page, ollama, errors: _ }, provide) => {
    if (!ollama && process.env.CI) {
      throw new Error(WHY);
    }
    test.skip(!ollama, WHY);
    const lab = await LabServer.start({ ollama: ollama!.url, models: null });
    const panel = new Panel(page, lab);
    await panel.open();
    await provide(panel);
    await lab.stop();
  }
});

test.describe.configure({ timeout: 300_000 }); // a loaded machine counts three numbers a second

test('an answer of the real Ollama comes without gap or repeat, over a reload too', async ({ mine }) => {
  const answer = await mine.ask('Count', 'slow-counter');
  await expect(answer).toContainText('3 4 5', { timeout: 60_000 });
  await mine.reload();
  await mine.ended(mine.answers.first(), 240_000);
  expect((await mine.textOf(mine.answers.first())).trim()).toBe(counted(1, 400));
});

test('Stop frees the real runner', async ({ mine, ollama }) => {
  const answer = await mine.ask('Count', 'slow-endless');
  await expect(answer).toContainText('3 4 5', { timeout: 60_000 });
  await mine.stop.click();
  await expect(answer.getByText('Stopped', { exact: true })).toBeVisible({ timeout: 1000 });
  expect(await ollama!.oneToken('slow-endless')).toBeLessThan(3000); // else it would count on, and we wait
});

test('a stopped answer of the real Ollama goes on where it was', async ({ mine }) => {
  const answer = await mine.ask('Count', 'slow-counter');
  await expect(answer).toContainText('3 4 5', { timeout: 60_000 });
  await mine.stop.click();
  await answer.getByRole('button', { name: 'Continue' }).click();
  await mine.ended(answer, 240_000);
  expect((await mine.textOf(answer)).trim()).toBe(counted(1, 400));
});

test('the real Ollama’s thinking is folded away', async ({ mine }) => {
  const answer = await mine.ask('Think', 'thinker');
  await mine.ended(answer, 60_000);
  await expect(answer.locator('.aichat-thinking summary')).toHaveText(/^Thought/);
  expect((await mine.textOf(answer)).trim()).toBe(counted(1, 40));
});

const counted = (first: number, last: number): string =>
  Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`).join(' ');
