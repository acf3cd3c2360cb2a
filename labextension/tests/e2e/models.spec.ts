import { FakeOllama } from './fake-ollama';
import { LabServer } from './lab-server';
import { Panel } from './panel';
import { expect, test } from './test';

const MODEL = { name: 'llama3.2:latest', answer: (question: string): string => `You said: ${question}` };

/** A JupyterLab whose Ollama can be started and stopped. */
const withOllama = test.extend<{ ollama: FakeOllama; mine: Panel }>({
  ollama: async ({ browserName: _ }, provide) => {
    const ollama = new FakeOllama([MODEL]);
    await ollama.start();
    await ollama.stop(); // it has an address now
    await provide(ollama);
    await ollama.stop();
  },
  mine: async ({ page, ollama, errors: _ }, provide) => {
    const lab = await LabServer.start({ ollama: ollama.url, models: null });
    const panel = new Panel(page, lab);
    await panel.open();
    await provide(panel);
    await lab.stop();
  }
});

withOllama(
  'without an Ollama the panel says what to do, and has a demo that says what it is',
  async ({ mine, ollama }) => {
    const { root } = mine;
    const address = ollama.url.replace('http://', '');
    await expect(root.locator('.aichat-notice')).toContainText(
      `Ollama is not running at ${address}. Start it with ollama serve`
    );
    await expect(root.locator('.aichat-notice')).toContainText('scripted, not a model');
    await expect(root.getByRole('button', { name: 'Retry' })).toBeVisible();
    await mine.choose('demo');
    const answer = await mine.ask('Are you real?');
    await mine.ended(answer);
    await expect(answer).toContainText('Are you real?');
    await expect(root.locator('.aichat-model')).toContainText('scripted, not a model');
  }
);

withOllama('as soon as Ollama is there its models are, without a reload', async ({ mine, ollama }) => {
  const { root } = mine;
  await expect(root.locator('.aichat-notice')).toContainText('Ollama is not running');
  await ollama.start();
  await expect(root.getByRole('button', { name: 'Model: llama3.2' })).toBeVisible();
  await expect(root.locator('.aichat-notice')).toBeHidden();
  const answer = await mine.ask('Hello');
  await expect(answer).toContainText('You said: Hello');
  await mine.ended(answer);
});

withOllama('an Ollama that has gone is told with the answer, and trying again goes on', async ({ mine, ollama }) => {
  await ollama.start();
  await expect(mine.root.getByRole('button', { name: 'Model: llama3.2' })).toBeVisible();
  await ollama.stop();
  const answer = await mine.ask('Hello');
  await expect(answer.getByRole('alert')).toContainText('Start it with ollama serve');
  await ollama.start();
  await answer.getByRole('button', { name: 'Try again' }).click();
  await expect(mine.answers).toContainText('You said: Hello');
});

withOllama('without any model the panel says how to get one', async ({ mine, ollama }) => {
  ollama.models.length = 0;
  await ollama.start();
  await expect(mine.root.locator('.aichat-notice')).toContainText('No model yet. Get one with ollama pull llama3.2');
  ollama.models.push(MODEL);
  await expect(mine.root.getByRole('button', { name: 'Model: llama3.2' })).toBeVisible();
});

withOllama('the meter shows how full the window is from 60 %', async ({ mine, ollama }) => {
  await ollama.start();
  await expect(mine.root.getByRole('button', { name: 'Model: llama3.2' })).toBeVisible();
  await mine.ended(await mine.ask('short'));
  const meter = mine.root.locator('.aichat-meter');
  await expect(meter).toBeHidden();
  await mine.ended(await mine.ask('word '.repeat(4200)));
  await expect(meter).toHaveText(/^\d\.\dk of \d\.\dk tokens$/);
});
