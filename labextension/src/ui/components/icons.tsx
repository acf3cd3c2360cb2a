import * as React from 'react';

/** Shapes of 16 by 16, drawn with the colour of the text; names stand on the buttons, not here. */
const PATHS = {
  list: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  plus: 'M8 3v10M3 8h10',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  close: 'M4 4l8 8M12 4l-8 8',
  send: 'M8 13V3.5M3.8 7.6 8 3.4l4.2 4.2',
  stop: 'M4.5 4.5h7v7h-7z',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  check: 'M3 8.5l3.2 3.2L13 5',
  again: 'M12.8 8a4.8 4.8 0 1 1-1.4-3.4M12.9 2.2v2.9H10',
  edit: 'M10.8 3.2l2 2-7.3 7.3-2.6.6.6-2.6z',
  insert: 'M8 2.5v7M5 6.8 8 9.8l3-3M3 13h10',
  left: 'M9.8 4 6 8l3.8 4',
  right: 'M6.2 4 10 8l-3.8 4',
  down: 'M4 6l4 4 4-4',
  trash: 'M3.5 4.5h9M6.5 4.5v-1.5h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4 13.5 13.5',
  warning: 'M8 2.8 14 13H2zM8 6.8v2.8M8 11.4h.01',
  chat: 'M2.5 3.5h11v7.5h-6l-3 2.5v-2.5h-2z'
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }): React.ReactElement => (
  <svg
    className={`aichat-icon aichat-icon-${name}`}
    viewBox="0 0 16 16"
    width="16"
    height="16"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.4"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    <path d={PATHS[name]} />
  </svg>
);

export function IconButton(
  props: React.ButtonHTMLAttributes<HTMLButtonElement> & { icon: IconName; label: string; hint?: string }
): React.ReactElement {
  const { icon, label, hint, className, ...rest } = props;
  return (
    <button
      type="button"
      {...rest}
      className={`aichat-icon-button ${className ?? ''}`}
      aria-label={label}
      title={hint ?? label}
    >
      <Icon name={icon} />
    </button>
  );
}
