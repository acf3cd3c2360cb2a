import * as React from 'react';
import { useService } from '../context';
import type { Place } from '../places';

/** A link to another place of the page; opened in a new tab it is an address like any other. */
export function Link(p: {
  to: Place;
  className?: string;
  current?: boolean;
  label?: string;
  children: React.ReactNode;
}): React.ReactElement {
  const { router } = useService();
  return (
    <a
      href={router.urlOf(p.to)}
      className={p.className ?? 'aichat-text-link'}
      aria-current={p.current ? 'page' : undefined}
      aria-label={p.label}
      onClick={event => {
        if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
          event.preventDefault();
          router.go(p.to);
        }
      }}
    >
      {p.children}
    </a>
  );
}
