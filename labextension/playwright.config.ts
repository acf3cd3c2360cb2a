import { defineConfig } from '@playwright/test';

/** The system's Chromium; CHROMIUM names another one. Each worker starts a JupyterLab of its own. */
export default defineConfig({
  testDir: 'tests/e2e',
  testIgnore: '**/pictures/**',
  outputDir: 'test-results/panel', // a run empties its folder when it starts; the Hub's may start beside it
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: Boolean(process.env.CI),
  retries: process.env.CI ? 1 : 0, // told as flaky: a machine that others use too may lose a moment
  reporter: 'list',
  use: {
    video: 'off',
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] }
  }
});
