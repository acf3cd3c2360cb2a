import { type INotebookTracker } from '@jupyterlab/notebook';
import { type TranslationBundle } from '@jupyterlab/translation';

const READ_CELLS = 50;
const KNOWN = [
  'pandas',
  'polars',
  'numpy',
  'matplotlib',
  'seaborn',
  'plotly',
  'scipy',
  'sklearn',
  'torch',
  'sqlalchemy'
];

/** Questions that fit the open notebook: its language and the libraries that it names; none where there is no notebook. */
export function examples(notebooks: INotebookTracker | null, trans: TranslationBundle): string[] | undefined {
  const panel = notebooks?.currentWidget;
  if (!panel?.isVisible || !panel.model) {
    return undefined;
  }
  const language = panel.model.defaultKernelLanguage || 'python';
  const [first, second] = libraries(sources(panel.model.cells));
  const name = language === 'python' ? 'Python' : language;
  return [
    first
      ? trans.__('What are the three things of %1 that I should know?', first)
      : trans.__('What is the idiomatic way to write a loop in %1?', name),
    second
      ? trans.__('How do %1 and %2 work together? Show a short example', first, second)
      : trans.__('Write a %1 function that reads a CSV file and plots two columns', name),
    trans.__('What makes a notebook in %1 easy to run again from the top?', name)
  ];
}

function sources(cells: Iterable<{ type: string; sharedModel: { getSource(): string } }>): string[] {
  const found: string[] = [];
  for (const cell of cells) {
    if (cell.type === 'code') {
      found.push(cell.sharedModel.getSource());
    }
    if (found.length >= READ_CELLS) {
      break;
    }
  }
  return found;
}

/** The known libraries that are imported, in the order of their first mention. */
export function libraries(cells: readonly string[]): string[] {
  const imported = /^\s*(?:import|from)\s+(\w+)/gm;
  const found = cells.flatMap(source => [...source.matchAll(imported)].map(match => match[1]));
  return [...new Set(found)].filter(name => KNOWN.includes(name));
}
