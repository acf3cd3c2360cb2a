import { expect, test, type Page } from '@playwright/test';
import { withPanel } from './page';

const MESSAGES = 1000;
const RUNS = 5;

/** Id of a chat with that many messages, made by asking; every answer is Markdown. */
async function longChat(ask: (method: string, path: string, body?: unknown) => Promise<unknown>): Promise<string> {
  const { id } = (await ask('POST', 'chats', { title: 'Long' })) as { id: string };
  for (let n = 0; n < MESSAGES / 2; n += 1) {
    const sent = (await ask('POST', `chats/${id}/messages`, { text: `Question ${n}` })) as { run: { id: string } };
    await untilEnded(ask, sent.run.id);
  }
  return id;
}

async function untilEnded(ask: (method: string, path: string) => Promise<unknown>, run: string): Promise<void> {
  for (;;) {
    const { state } = (await ask('GET', `runs/${run}`)) as { state: string };
    if (!['queued', 'loading', 'streaming'].includes(state)) {
      return;
    }
    await new Promise(resolve => setTimeout(resolve, 3));
  }
}

/**
 * Time (ms) from the arrival of the first page of messages (the end of its response) to the frame after the one in
 * which the newest message stands in the document.
 */
async function firstPaint(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>(resolve => {
        const look = (): void => {
          const shown = document.querySelectorAll('.aichat-assistant').length > 0;
          const [data] = performance
            .getEntriesByType('resource')
            .filter(entry => entry.name.includes('/messages?leaf=')) as PerformanceResourceTiming[];
          if (shown && data) {
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - data.responseEnd)));
          } else {
            requestAnimationFrame(look);
          }
        };
        look();
      })
  );
}

test('a chat of 1,000 messages is painted within 200 ms of its data', async ({ page }) => {
  const answer = '**Yes.** A list:\n\n- one\n- two\n\n```python\nx = 1\n```\n';
  await withPanel(page, [{ name: 'short', answer: () => answer, chunk: 200, pause: 0 }], async panel => {
    const id = await longChat((method, path, body) => panel.lab.api(method, path, body));
    const item = await panel.inList('Long');
    const times: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      await panel.newChat();
      await page.evaluate(() => performance.clearResourceTimings());
      await panel.inList('Long');
      const painted = firstPaint(page);
      await item.getByRole('button').first().click();
      times.push(await painted);
      expect(await panel.chatId()).toBe(id);
    }
    const median = times.sort((a, b) => a - b)[Math.floor(RUNS / 2)];
    const rows = await panel.root.locator('.aichat-row').count();
    console.log(
      `1,000 messages: first paint ${times.map(Math.round).join(', ')} ms, median ${Math.round(median)}; ${rows} rows`
    );
    expect(median).toBeLessThanOrEqual(200);
    expect(rows).toBeLessThan(100);
  });
});
