import * as React from 'react';
import { Icon } from '../../ui/components/icons';

/** The card in the middle of an empty page: login, registration, and what else stands before the chat. */
export function Entrance(p: { title: string; children: React.ReactNode }): React.ReactElement {
  React.useEffect(() => {
    document.title = p.title;
  }, [p.title]);
  return (
    <div className="aichat aichat-entrance">
      <main className="aichat-entrance-card">
        <div className="aichat-empty-mark">
          <Icon name="chat" />
        </div>
        <h1>{p.title}</h1>
        {p.children}
      </main>
    </div>
  );
}
