import * as React from 'react';
import type { AuthReply } from '../../ui/protocol.generated';
import { useService } from '../context';

/** Who may register and what a password must be like; null until it is known. */
export function useEntrance(): AuthReply | null {
  const { accounts } = useService();
  const [entrance, setEntrance] = React.useState<AuthReply | null>(null);
  React.useEffect(() => {
    let gone = false;
    accounts.entrance().then(
      found => !gone && setEntrance(found),
      () => undefined // the forms work without it, and say themselves that nobody answers
    );
    return () => void (gone = true);
  }, [accounts]);
  return entrance;
}
