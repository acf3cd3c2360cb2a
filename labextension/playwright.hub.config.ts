import { defineConfig } from '@playwright/test';
import base from './playwright.config';

/** Runs against a JupyterHub that pytest has started (tests/hub): HUB_URL names it. */
export default defineConfig({
  ...base,
  testDir: 'tests/hub',
  outputDir: 'test-results/hub',
  testIgnore: [],
  retries: 0
});
