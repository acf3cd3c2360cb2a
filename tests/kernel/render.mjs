// Renders a JSON list of Markdown texts from stdin, as JupyterLab's parser does, to a JSON list of HTML.
import { createRequire } from 'node:module';

const require = createRequire(process.argv[2]);
const { marked } = require('marked');
let input = '';
process.stdin.on('data', data => (input += data));
process.stdin.on('end', () => {
  const texts = JSON.parse(input);
  process.stdout.write(JSON.stringify(texts.map(text => marked.parse(text, { gfm: true, async: false }))));
});
