import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['lib', 'dist', 'node_modules', 'scripts', '**/*.generated.ts'] },
  ...ts.configs.recommended,
  // Playwright's fixtures have a `use` of their own, which is no hook
  { ...hooks.configs['recommended-latest'], files: ['src/**', 'tests/unit/**'] },
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error'
    }
  }
);
