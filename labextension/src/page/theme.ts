import { Value } from '../ui/state/cell';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'jupyter_aichat:theme';

/** Light or dark: as the system has it, or as the person chose in this browser. */
export class ThemeChoice {
  readonly theme = new Value<Theme>('system');

  constructor() {
    this.choose(read());
  }

  choose(theme: Theme): void {
    document.documentElement.style.colorScheme = theme === 'system' ? 'light dark' : theme;
    this.theme.set(theme);
    try {
      window.localStorage.setItem(KEY, theme);
    } catch {
      // a forbidden storage: the choice lives as long as the page
    }
  }
}

function read(): Theme {
  try {
    return THEMES.find(each => each === window.localStorage.getItem(KEY)) ?? 'system';
  } catch {
    return 'system';
  }
}
