import { Gettext } from '@jupyterlab/translation/lib/gettext';
import { describe, expect, test } from 'vitest';
import { isRtl, makeTrans, type Catalogue, type Trans } from '../../src/ui/i18n';

/** By language; `nplurals` and the rule as their catalogues have them. */
const RULES: Record<string, [number, string]> = {
  de: [2, 'n != 1'],
  fr: [2, 'n > 1'],
  ru: [3, '(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2)'],
  pl: [3, 'n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2'],
  ar: [6, 'n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5'],
  sl: [4, '(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3)'],
  ja: [2, '0'] // one form; JupyterLab takes no plural entry with fewer than two
};

function catalogueOf(language: string): Catalogue {
  const [count, rule] = RULES[language];
  const forms = Array.from({ length: count }, (_, i) => `${language}${i} %1 %2 100%%`);
  return {
    '': { language, pluralForms: `nplurals=${count}; plural=${rule};` },
    '%1 file': forms,
    Send: ['Senden'],
    'Hello %1': ['Hallo %1, 100%%'],
    'verb\u0004Send': ['Schicken'],
    Empty: ['']
  };
}

function jupyterLabs(language: string): Trans {
  const gettext = new Gettext({ locale: language });
  gettext.loadJSON(catalogueOf(language) as never, 'messages');
  gettext.setLocale(language);
  return gettext;
}

describe.each(Object.keys(RULES))('in %s', language => {
  const ours = makeTrans(catalogueOf(language));
  const theirs = jupyterLabs(language);

  test('plural forms are those that JupyterLab takes', () => {
    for (let n = 0; n <= 250; n++) {
      expect(ours._n('%1 file', '%1 files', n, 'x'), String(n)).toBe(theirs._n('%1 file', '%1 files', n, 'x'));
      expect(ours._n('%1 page', '%1 pages', n)).toBe(theirs._n('%1 page', '%1 pages', n));
    }
  });

  test('so are single messages, contexts and arguments', () => {
    for (const text of ['Send', 'Unknown %1', 'Hello %1']) {
      expect(ours.__(text, 'x')).toBe(theirs.__(text, 'x'));
    }
    expect(ours._p('verb', 'Send')).toBe(theirs._p('verb', 'Send'));
  });
});

test('a message that is not translated is shown as it is', () => {
  const trans = makeTrans({ Empty: [''] });
  expect(trans.__('Empty')).toBe('Empty');
  expect(trans.__('constructor')).toBe('constructor');
  expect(trans.__('%1 of %2', 1)).toBe('1 of %2');
});

test('directions', () => {
  expect(['ar', 'ar-EG', 'he_IL', 'fa', 'ur'].every(isRtl)).toBe(true);
  expect(['en', 'de-AT', 'arn', 'hex', 'zh_CN'].some(isRtl)).toBe(false);
});
