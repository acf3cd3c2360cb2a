import * as React from 'react';

/** Who wrote a message, and when. */
export function MessageHead({ name, at }: { name: string; at: string }): React.ReactElement {
  const time = new Date(at);
  const short = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <div className="aichat-head">
      <span className="aichat-name">{name}</span>
      <span aria-hidden="true"> · </span>
      <time dateTime={at} title={time.toLocaleString()}>
        {short}
      </time>
    </div>
  );
}
