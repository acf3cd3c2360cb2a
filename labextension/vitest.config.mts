import { defineConfig } from 'vitest/config';

// jsdom only: with happy-dom DOMPurify lets everything through, without a word.
export default defineConfig({
  test: {
    environment: 'jsdom',
    dir: 'tests/unit',
    setupFiles: ['tests/unit/setup.ts'],
    // its modules import without file names' ends, which only a bundler understands
    server: { deps: { inline: [/@jupyterlab/] } },
    testTimeout: 20_000, // a slow machine is no failure
    restoreMocks: true,
    unstubGlobals: true
  }
});
