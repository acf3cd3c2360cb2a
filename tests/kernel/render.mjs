// Renders a JSON list of Markdown texts from stdin to a JSON list of HTML: `node render.mjs <a module beside marked>
// [<JupyterLab's latex.js>]`. With the second argument formulas are taken out before and put back after, as there.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const [, , beside, latex] = process.argv;
const { marked } = createRequire(beside)('marked');
globalThis.navigator ??= { appName: '' }; // asked for by latex.js
const source = latex ? await readFile(latex, 'utf8') : '';
const { removeMath, replaceMath } = latex ? await import(`data:text/javascript,${encodeURIComponent(source)}`) : {};

function render(markdown) {
  const { text, math } = latex ? removeMath(markdown) : { text: markdown, math: [] };
  const html = marked.parse(text, { gfm: true, async: false });
  return latex ? replaceMath(html, math) : html;
}

let input = '';
process.stdin.on('data', data => (input += data));
process.stdin.on('end', () => process.stdout.write(JSON.stringify(JSON.parse(input).map(render))));
