import { expect, test } from '@playwright/test';
import { report, untilEnded, watch, withPanel } from './page';

const section = (n: number): string => `## Section ${n}

Some *prose* of the ${n}. section with **strong words**, \`code\`, a [link](https://example.org/${n}) and $x_{${n}}^2$.

- first point of ${n}
- second point

| left | right |
|---|---|
| ${n} | ${n}00 |

\`\`\`python
def section_${n}(x: float) -> float:
    return x ** ${n} + 1  # a comment
\`\`\`

`;

function sized(part: (n: number) => string, length: number): string {
  let text = '';
  for (let n = 1; text.length < length; n += 1) {
    text += part(n);
  }
  return text.slice(0, length);
}

const line = (n: number): string => `value_${n} = compute(${n}) + ${n}  # line ${n}\n`;

test('100 kB of Markdown at 200 updates a second for 20 s', async ({ page }) => {
  const model = { name: 'writer', answer: () => sized(section, 100_000), chunk: 25, pause: 5 };
  await withPanel(page, [model], async panel => {
    const answer = await panel.ask('Write');
    const watched = await watch(page);
    await untilEnded(answer);
    const cost = await watched.end();
    report('100 kB of Markdown', cost);
    expect(cost.dropped).toBe(0);
    expect(cost.busy).toBeLessThanOrEqual(5_000);
  });
});

test('a block of code of 1 MB', async ({ page }) => {
  const code = `\`\`\`python\n${sized(line, 1_000_000)}\n\`\`\`\n`;
  await withPanel(page, [{ name: 'coder', answer: () => code, chunk: 4096, pause: 60 }], async panel => {
    const answer = await panel.ask('Write code');
    await expect(answer.locator('.aichat-code')).toBeAttached();
    const watched = await watch(page);
    await untilEnded(answer);
    const cost = await watched.end();
    report('1 MB of code', cost);
    expect(cost.longTasks).toEqual([]);
  });
});
