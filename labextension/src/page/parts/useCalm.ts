import * as React from 'react';

const CALM_MS = 250;

/** What a person types, once they pause. */
export function useCalm(value: string): string {
  const [calm, setCalm] = React.useState(value);
  React.useEffect(() => {
    const timer = window.setTimeout(() => setCalm(value), CALM_MS);
    return () => window.clearTimeout(timer);
  }, [value]);
  return calm;
}
