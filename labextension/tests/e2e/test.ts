import { test as base } from '@playwright/test';
import { LabServer } from './lab-server';
import { Panel } from './panel';

/** Scripted models that the tests ask beside the usual ones. */
const MODELS = [
  'counter-400-5',
  'counter-100-50',
  'fail-model_not_found-after-0',
  'fail-provider_error-after-3',
  'cut-after-5'
];

/** One JupyterLab for the tests of a worker, and the panel in a fresh page of it. What the page says on errors fails. */
export const test = base.extend<{ panel: Panel; errors: string[] }, { lab: LabServer }>({
  lab: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const lab = await LabServer.start({ models: MODELS });
      await use(lab);
      await lab.stop();
    },
    { scope: 'worker', timeout: 90_000 }
  ],
  errors: async ({ page }, use) => {
    const errors: string[] = [];
    page.on('pageerror', error => errors.push(String(error)));
    await use(errors);
    base.expect(errors, 'errors in the page').toEqual([]);
  },
  panel: async ({ page, lab, errors: _ }, use) => {
    const panel = new Panel(page, lab);
    await panel.open();
    await use(panel);
  }
});

export { expect } from '@playwright/test';
