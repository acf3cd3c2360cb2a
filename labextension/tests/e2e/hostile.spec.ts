import type { Page } from '@playwright/test';
import { HTML_PAYLOADS, MARKDOWN_PAYLOADS, MATHML_PAYLOADS, TEX_PAYLOADS } from '../payloads';
import { FakeOllama } from './fake-ollama';
import { LabServer } from './lab-server';
import { Panel } from './panel';
import { expect, test } from './test';

const TAGS =
  'article,details,summary,div,span,button,svg,path,a,b,blockquote,br,code,del,em,h1,h2,h3,h4,h5,h6,hr,i,img,input,ins,kbd,' +
  'li,mark,ol,p,pre,s,strong,sub,sup,table,tbody,td,th,thead,tr,u,ul,time';

/** What a model wrote must not hold, wherever in the message it stands. */
const forbidden = (tags: string): string[] => {
  const allowed = new Set(tags.split(','));
  const found: string[] = [];
  for (const element of document.querySelectorAll('.aichat-text *')) {
    const tag = element.tagName.toLowerCase();
    const inMath = element.closest('math') !== null;
    if (!allowed.has(tag) && !inMath) {
      found.push(`<${tag}>`);
    }
    for (const { name, value } of element.attributes) {
      const link = name === 'href' && !/^(?:https?:\/\/|mailto:)/i.test(value);
      const source = name === 'src' && !/^data:image\/(?:png|jpeg|gif|webp|avif);base64,/i.test(value);
      const handler = /^on/i.test(name) || (inMath && /^(?:href|xlink:href|src|id)$/i.test(name));
      const ours = element.closest('button, .aichat-codeblock') !== null;
      const clobbers =
        !ours && /^(?:id|name|style|srcset|action|formaction|ping|poster|background)$/i.test(name) && !inMath;
      if (link || source || handler || clobbers) {
        found.push(`<${tag} ${name}="${value}">`);
      }
    }
  }
  return found;
};

/** All requests that left for another place than the server. */
function leaks(page: Page, lab: LabServer): string[] {
  const found: string[] = [];
  page.on('request', request => {
    if (!request.url().startsWith(lab.url) && !/^(?:data|blob):/.test(request.url())) {
      found.push(request.url());
    }
  });
  return found;
}

/** Everything that a payload might wait for: the mouse over it, a click on it, the keyboard. */
async function provoke(panel: Panel): Promise<void> {
  await panel.answers.last().evaluate(answer => {
    for (const element of answer.querySelectorAll('.aichat-text *:not(.aichat-load-image)')) {
      for (const type of ['mouseover', 'mouseenter', 'pointerover', 'focus', 'toggle', 'animationstart', 'click']) {
        const cancelable = type === 'click';
        const event = new MouseEvent(type, { bubbles: true, cancelable });
        element.addEventListener(type, each => each.preventDefault(), { once: true }); // a link need not be followed
        element.dispatchEvent(event);
      }
    }
  });
}

const GROUPS: Record<string, readonly string[]> = {
  HTML: HTML_PAYLOADS,
  Markdown: MARKDOWN_PAYLOADS,
  LaTeX: TEX_PAYLOADS.flatMap(tex => [`$${tex}$`, `$$${tex}$$`]),
  MathML: MATHML_PAYLOADS.flatMap(math => [math, `$${math}$`])
};

test('hostile text of a model stays text: no script, no request, nothing forbidden', async ({ page, errors: _ }) => {
  test.setTimeout(180_000);
  const ollama = new FakeOllama(
    Object.entries(GROUPS).map(([name, all]) => ({ name, answer: () => all.join('\n\n'), chunk: 400, pause: 1 }))
  );
  await ollama.start();
  const lab = await LabServer.start({ ollama: ollama.url, models: null });
  try {
    const fired: string[] = [];
    await page.exposeFunction('pwned', (what: string) => fired.push(String(what)));
    page.on('dialog', dialog => {
      fired.push(dialog.message());
      void dialog.dismiss();
    });
    const panel = new Panel(page, lab);
    await panel.open();
    const left = leaks(page, lab);
    for (const [name, all] of Object.entries(GROUPS)) {
      expect(all.length).toBeGreaterThan(4);
      await panel.newChat();
      const answer = await panel.ask(name, name);
      await panel.ended(answer, 60_000);
      await provoke(panel);
      await page.waitForTimeout(500); // what a payload starts may take a moment
      expect(await page.evaluate(forbidden, TAGS), name).toEqual([]);
      expect(fired, name).toEqual([]);
      expect(left, name).toEqual([]);
      expect(page.url(), name).toContain(`${lab.url}/lab`);
    }
  } finally {
    await lab.stop();
    await ollama.stop();
  }
});

test('an image of another server waits for a click', async ({ panel, page }) => {
  const asked: string[] = [];
  await page.route('https://pictures.example/**', route => {
    asked.push(route.request().url());
    return route.fulfill({
      contentType: 'image/svg+xml',
      body: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    });
  });
  const answer = await panel.ask('![a tree](https://pictures.example/tree.png)', 'echo');
  await panel.ended(answer);
  expect(asked).toEqual([]);
  await answer.getByRole('button', { name: 'Load image from pictures.example' }).click();
  await expect(answer.getByRole('img', { name: 'a tree' })).toBeVisible();
  expect(asked).toEqual(['https://pictures.example/tree.png']);
});
