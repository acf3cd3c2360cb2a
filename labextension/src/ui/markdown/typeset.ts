import type TemmlModule from 'temml';
import { sanitizeMath } from './sanitize-math';

type Temml = typeof TemmlModule;

/** Loaded on first use; in the one-file widget module it is inlined. */
let loading: Promise<Temml> | undefined;
let loaded: Temml | undefined;

/** Makes MathML of the formulas below an element; at once where the renderer is there, so that nothing flickers. */
export function typeset(root: Element): void {
  const formulas = [...root.querySelectorAll('.aichat-math')];
  if (!formulas.length) {
    return;
  }
  if (loaded) {
    formulas.forEach(formula => render(formula, loaded!));
    return;
  }
  loading ??= import('temml').then(module => (loaded = module.default));
  void loading.then(
    temml => formulas.filter(formula => formula.isConnected).forEach(formula => render(formula, temml)),
    () => (loading = undefined) // the formulas stay as they were written
  );
}

function render(formula: Element, temml: Temml): void {
  const displayMode = formula.classList.contains('aichat-math-display');
  const options = { displayMode, throwOnError: false, trust: false, maxExpand: 300 };
  try {
    formula.replaceChildren(sanitizeMath(temml.renderToString(formula.textContent ?? '', options)));
  } catch {
    // too deep for the renderer: the formula stays as it was written
  }
}
