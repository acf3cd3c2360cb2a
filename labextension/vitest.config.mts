import { defineConfig } from 'vitest/config';

// jsdom only: with happy-dom DOMPurify lets everything through, without a word.
export default defineConfig({
  test: {
    environment: 'jsdom',
    dir: 'tests/unit',
    setupFiles: ['tests/unit/setup.ts'],
    restoreMocks: true,
    unstubGlobals: true
  }
});
