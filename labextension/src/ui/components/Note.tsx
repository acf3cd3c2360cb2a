import * as React from 'react';

/** What came of something that a person did: heard, and seen too where it failed. */
export interface Noted {
  text: string;
  failed?: boolean;
}

export function Note({ note }: { note: Noted | null }): React.ReactElement {
  return (
    <>
      <p className="aichat-unseen" role="status">
        {note && !note.failed && note.text}
      </p>
      {note?.failed && (
        <p className="aichat-note" role="alert">
          {note.text}
        </p>
      )}
    </>
  );
}
