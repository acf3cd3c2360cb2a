import * as React from 'react';
import { useCell } from '../state/cell';
import { useChat } from './context';

export interface Command {
  label: string;
  run(): void;
}

/** What can be done with the open chat, found by any part of its name; nothing for an empty search. */
export function useFoundCommands(query: string, onNew: () => void): readonly Command[] {
  const { model, host } = useChat();
  const { trans } = host;
  const { path } = useCell(model.current);
  const last = path.at(-1);
  const wanted = query.trim().toLocaleLowerCase();
  return React.useMemo(() => {
    if (!wanted) {
      return [];
    }
    const running = model.running();
    const all: (Command | false | undefined)[] = [
      { label: trans.__('New chat'), run: onNew },
      running && { label: trans.__('Stop the answer'), run: () => model.stop(running.id) },
      !running && last !== undefined && { label: trans.__('Regenerate the answer'), run: () => model.regenerate(last) },
      { label: trans.__('Look for models again'), run: () => void model.refreshModels() }
    ];
    return all.filter((each): each is Command => Boolean(each && each.label.toLocaleLowerCase().includes(wanted)));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `onNew` is another with each rendering, and does the same
  }, [wanted, last, model, trans]);
}
