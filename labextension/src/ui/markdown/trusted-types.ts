import type { Config } from 'dompurify';

type Policy = NonNullable<Config['TRUSTED_TYPES_POLICY']>;

interface Factory {
  createPolicy(name: string, rules: object): Policy;
}

const { trustedTypes } = window as { trustedTypes?: Factory };

/** One policy for all sanitisers: under a `trusted-types` header a second of the same name is refused. */
export const TRUSTED_TYPES_POLICY: Policy | undefined = trustedTypes?.createPolicy('jupyter-aichat', {
  createHTML: (html: string) => html,
  createScriptURL: () => ''
});
