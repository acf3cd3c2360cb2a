import type { Trans } from '../../ui/i18n';
import type { AuthReply } from '../../ui/protocol.generated';

type Rules = AuthReply['password'];

const USUAL: Rules = { min_characters: 8, max_bytes: 72 };

/** What a new password must be like. */
export const ruleOf = (trans: Trans, { min_characters: least }: Rules = USUAL): string =>
  trans.__('At least %1 characters. A sentence is a good one.', least);

/** What is wrong with a new password; an empty one is not wrong yet. */
export function problemOf(password: string, trans: Trans, rules: Rules = USUAL): string | undefined {
  const bytes = new TextEncoder().encode(password.normalize('NFC')).length;
  if (bytes > rules.max_bytes) {
    return trans.__(
      'This is too long: %1 of at most %2 bytes (letters with accents take 2, emoji 4).',
      bytes,
      rules.max_bytes
    );
  }
  return undefined;
}

export const isLongEnough = (password: string, { min_characters: least }: Rules = USUAL): boolean =>
  [...password].length >= least;
