import * as React from 'react';
import { useService } from '../../context';

const MOST_PAGES = 10;

/** The names of accounts by their ids; an account that is gone goes by its id. */
export function useNames(): (id: string) => string {
  const { accounts } = useService();
  const [names, setNames] = React.useState<ReadonlyMap<string, string>>(new Map());
  React.useEffect(() => {
    let gone = false;
    const read = async (): Promise<void> => {
      const found = new Map<string, string>();
      let cursor: string | null = null;
      for (let page = 0; page < MOST_PAGES && !gone; page++) {
        const { items, next } = await accounts.users(cursor);
        items.forEach(user => found.set(user.id, user.name));
        cursor = next;
        if (!cursor) {
          break;
        }
      }
      if (!gone) {
        setNames(found);
      }
    };
    read().catch(() => undefined); // ids are shown then
    return () => void (gone = true);
  }, [accounts]);
  return id => names.get(id) ?? id;
}
