import { expect, type Locator, type Page } from '@playwright/test';
import type { FakeModel } from '../e2e/fake-ollama';
import { FakeOllama } from '../e2e/fake-ollama';
import { LabServer } from '../e2e/lab-server';
import { Panel } from '../e2e/panel';

/** What a page did in a span of time; all times in ms. */
export interface Cost {
  span: number;
  /** Work of the page's main thread. */
  busy: number;
  frames: number;
  /** Frames that came later than two of the display's. */
  dropped: number;
  /** Tasks over 50 ms. */
  longTasks: number[];
}

interface Watching {
  frames: number[];
  tasks: number[];
  going: boolean;
}

type Watched = Window & { watching: Watching };

/** Watches the page's frames and long tasks from now on; `end` says what they were. */
export async function watch(page: Page): Promise<{ end(): Promise<Cost> }> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * metrics.find(metric => metric.name === 'ThreadTime')!.value;
  };
  await page.evaluate(() => {
    const watching: Watching = { frames: [], tasks: [], going: true };
    (window as unknown as Watched).watching = watching;
    const frame = (at: number): void => {
      watching.frames.push(at);
      if (watching.going) {
        requestAnimationFrame(frame);
      }
    };
    requestAnimationFrame(frame);
    const observer = new PerformanceObserver(list =>
      watching.tasks.push(...list.getEntries().map(task => task.duration))
    );
    observer.observe({ type: 'longtask' });
  });
  const [before, begun] = [await busy(), Date.now()];
  return {
    end: async () => {
      const cost = { busy: (await busy()) - before, span: Date.now() - begun };
      const { frames, tasks } = await page.evaluate(() => {
        const { watching } = window as unknown as Watched;
        watching.going = false;
        return watching;
      });
      const gaps = frames.slice(1).map((at, i) => at - frames[i]);
      return { ...cost, frames: frames.length, dropped: gaps.filter(gap => gap > 34).length, longTasks: tasks };
    }
  };
}

/** Waits for an answer's end without asking the page again and again, which would cost more than the answer. */
export const untilEnded = (answer: Locator): Promise<void> =>
  answer.evaluate(
    article =>
      new Promise<void>(resolve => {
        const look = (): void => {
          if (article.getAttribute('aria-busy') === 'false') {
            resolve();
          }
        };
        new MutationObserver(look).observe(article, { attributes: true });
        look();
      })
  );

/** Runs with the panel in a JupyterLab whose Ollama has these models. */
export async function withPanel(page: Page, models: FakeModel[], run: (panel: Panel) => Promise<void>): Promise<void> {
  const ollama = new FakeOllama(models);
  await ollama.start();
  const lab = await LabServer.start({ ollama: ollama.url, models: null });
  try {
    const panel = new Panel(page, lab);
    await panel.open();
    await expect(panel.root.getByRole('button', { name: `Model: ${models[0].name}` })).toBeVisible();
    await run(panel);
  } finally {
    await lab.stop();
    await ollama.stop();
  }
}

export function report(what: string, { span, busy, frames, dropped, longTasks }: Cost): void {
  const most = Math.round(Math.max(0, ...longTasks));
  console.log(
    `${what}: ${(busy / 1000).toFixed(2)} s of CPU in ${(span / 1000).toFixed(1)} s, ` +
      `${frames} frames, ${dropped} dropped, ${longTasks.length} tasks over 50 ms (longest ${most})`
  );
}
