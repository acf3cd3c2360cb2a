import base from './playwright.config';

/** Makes the pictures of docs/images anew: `playwright test --config playwright.pictures.config.ts`. */
export default { ...base, testDir: 'tests/e2e/pictures', testIgnore: [], timeout: 120_000 };
