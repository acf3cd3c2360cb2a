import * as React from 'react';
import type { Trans } from '../../ui/i18n';

interface Props {
  trans: Trans;
  children: React.ReactNode;
}

/** What is shown where a view cannot be: a part that was replaced by a newer version, or a fault of ours. */
export class Boundary extends React.Component<Props, { failed: boolean }> {
  state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  render(): React.ReactNode {
    const { trans, children } = this.props;
    if (!this.state.failed) {
      return children;
    }
    return (
      <div className="aichat aichat-entrance">
        <main className="aichat-entrance-card">
          <h1>{trans.__('This cannot be shown')}</h1>
          <p role="alert">{trans.__('The page may be older than the service. What you typed is kept.')}</p>
          <button type="button" className="aichat-button aichat-primary" onClick={() => location.reload()}>
            {trans.__('Load the page again')}
          </button>
        </main>
      </div>
    );
  }
}
