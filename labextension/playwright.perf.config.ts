import base from './playwright.config';

/** Figures of this machine: run it on a quiet one. */
export default { ...base, testDir: 'tests/perf', timeout: 300_000 };
