import * as React from 'react';

/** Things of one kind under a heading. */
export function Section(p: {
  title: string;
  lead?: React.ReactNode;
  danger?: boolean;
  children: React.ReactNode;
}): React.ReactElement {
  const id = React.useId();
  return (
    <section className="aichat-section" data-danger={p.danger || undefined} aria-labelledby={id}>
      <h3 id={id}>{p.title}</h3>
      {p.lead && <p className="aichat-quiet">{p.lead}</p>}
      {p.children}
    </section>
  );
}

/** One of a list: what it is, what is known of it, and what can be done. */
export function Row(p: {
  title: React.ReactNode;
  marks?: readonly string[];
  details: readonly React.ReactNode[];
  children?: React.ReactNode;
}): React.ReactElement {
  return (
    <li className="aichat-card">
      <div className="aichat-card-text">
        <p className="aichat-card-title">
          <bdi>{p.title}</bdi>
          {p.marks?.map(mark => (
            <span key={mark} className="aichat-mark">
              {mark}
            </span>
          ))}
        </p>
        <p className="aichat-quiet">
          {p.details.filter(Boolean).map((detail, index) => (
            <React.Fragment key={index}>
              {index > 0 && ' · '}
              {detail}
            </React.Fragment>
          ))}
        </p>
      </div>
      {p.children}
    </li>
  );
}
