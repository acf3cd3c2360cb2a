import { test as base } from '@playwright/test';
import { LabServer } from './lab-server';
import { Panel } from './panel';

/** Scripted models that the tests ask beside the usual ones. */
const MODELS = [
  'counter-400-20',
  'counter-100-50',
  'counter-300-50',
  'fail-model_not_found-after-0',
  'fail-provider_error-after-3',
  'cut-after-5',
  'markdown-8'
];

/** One JupyterLab for the tests of a worker, and the panel in a fresh page of it. What the page says on errors fails. */
export const test = base.extend<{ panel: Panel; errors: string[] }, { lab: LabServer }>({
  lab: [
    async ({}, provide) => {
      const lab = await LabServer.start({ models: MODELS });
      await provide(lab);
      await lab.stop();
    },
    { scope: 'worker', timeout: 90_000 }
  ],
  errors: async ({ page }, provide) => {
    const errors: string[] = [];
    page.on('pageerror', error => errors.push(String(error)));
    await provide(errors);
    base.expect(errors, 'errors in the page').toEqual([]);
  },
  panel: async ({ page, lab, errors: _ }, provide) => {
    const panel = new Panel(page, lab);
    await panel.open();
    await provide(panel);
  }
});

export { expect } from '@playwright/test';
