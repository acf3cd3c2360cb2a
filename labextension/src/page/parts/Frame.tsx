import * as React from 'react';
import { Icon } from '../../ui/components/icons';
import type { MeReply } from '../../ui/protocol.generated';
import { useService } from '../context';
import type { Place } from '../places';
import { AccountMenu } from './AccountMenu';
import { Link } from './Link';

interface Props {
  title: string;
  me: MeReply;
  back: Place;
  parts: readonly { place: Place; label: string; current: boolean }[];
  children: React.ReactNode;
}

/** A place beside the chat: the way back, its parts, and the one that is shown. */
export function Frame({ title, me, back, parts, children }: Props): React.ReactElement {
  const { trans } = useService();
  const shown = parts.find(part => part.current)!.label;
  useTitle(`${shown} · ${title}`);
  return (
    <div className="aichat aichat-place">
      <header className="aichat-header">
        <Link to={back} className="aichat-icon-button" label={trans.__('Back to the chat')}>
          <Icon name="left" />
        </Link>
        <h1 className="aichat-place-title">{title}</h1>
        <AccountMenu me={me} />
      </header>
      <div className="aichat-place-body">
        <nav aria-label={title} className="aichat-place-parts">
          <ul>
            {parts.map(({ place, label, current }) => (
              <li key={label}>
                <Link to={place} current={current} className="aichat-place-part">
                  {label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <main key={shown} className="aichat-place-shown">
          <Heading>{shown}</Heading>
          {children}
        </main>
      </div>
    </div>
  );
}

/** Takes the keyboard when the place was gone to, so that reading begins here; not where the page begins with it. */
function Heading({ children }: { children: React.ReactNode }): React.ReactElement {
  const ref = React.useRef<HTMLHeadingElement>(null);
  React.useEffect(() => {
    if (document.activeElement !== document.body || history.length > 1) {
      ref.current?.focus({ preventScroll: true });
    }
  }, []);
  return (
    <h2 ref={ref} tabIndex={-1} className="aichat-place-heading">
      {children}
    </h2>
  );
}

/** Names the tab while the view is there. */
export function useTitle(title: string): void {
  React.useEffect(() => {
    document.title = title;
  }, [title]);
}
