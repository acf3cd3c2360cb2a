import * as React from 'react';
import { asApiError } from '../client/errors';
import type { ImportReply } from '../protocol.generated';
import type { Files } from '../state/files';
import { useChat } from './context';
import { Dialog } from './parts';

const SHOWN = 20;

interface Props {
  open: boolean;
  onClose(): void;
  /** Opens a chat that was imported. */
  onOpen(id: string): void;
}

/** Files of chats that come in: which ones, how far it is, and what became of them. */
export function ImportDialog({ open, onClose, onOpen }: Props): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  return (
    model.files && (
      <Dialog open={open} title={trans.__('Import chats')} onClose={onClose}>
        <ImportForm files={model.files} onClose={onClose} onOpen={onOpen} />
      </Dialog>
    )
  );
}

interface Outcome {
  imported: number;
  items: ImportReply['items'];
  /** What could not be imported, and why. */
  failures: string[];
}

const NONE: Outcome = { imported: 0, items: [], failures: [] };

function ImportForm(p: { files: Files } & Omit<Props, 'open'>): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const [chosen, setChosen] = React.useState<readonly File[]>([]);
  const [done, setDone] = React.useState<number | null>(null);
  const [outcome, setOutcome] = React.useState<Outcome | null>(null);
  const busy = done !== null;
  const run = async (): Promise<void> => {
    let found = NONE;
    setOutcome(null);
    for (const [index, file] of chosen.entries()) {
      setDone(index);
      found = joined(found, await importOne(p.files, file));
    }
    setDone(null);
    setOutcome(found);
    void model.reloadChats();
  };
  return (
    <form
      className="aichat-files"
      aria-busy={busy}
      onSubmit={event => {
        event.preventDefault();
        void run();
      }}
    >
      <p>{trans.__('From here, ChatGPT, Open WebUI, LibreChat or Jupyter Chat. Your chats stay as they are.')}</p>
      <label className="aichat-files-input">
        {trans.__('Files')}
        <input
          type="file"
          accept=".json,.chat,application/json"
          multiple
          disabled={busy}
          onChange={event => {
            setChosen([...(event.target.files ?? [])]);
            setOutcome(null);
          }}
        />
      </label>
      {busy && <progress max={chosen.length} value={done || undefined} aria-label={trans.__('Importing …')} />}
      <div role="status">{outcome && <Result outcome={outcome} onOpen={p.onOpen} />}</div>
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={p.onClose}>
          {outcome ? trans.__('Close') : trans.__('Cancel')}
        </button>
        <button
          type="submit"
          className="aichat-button aichat-primary"
          disabled={busy || !chosen.length || outcome !== null}
        >
          {busy ? trans.__('Importing …') : trans.__('Import')}
        </button>
      </div>
    </form>
  );
}

function Result({ outcome, onOpen }: { outcome: Outcome; onOpen(id: string): void }): React.ReactElement {
  const { trans } = useChat().host;
  const { imported, items, failures } = outcome;
  return (
    <>
      <p>{trans._n('%1 chat was imported.', '%1 chats were imported.', imported, imported)}</p>
      <ul className="aichat-share-list">
        {items.slice(0, SHOWN).map(each => (
          <li key={each.id}>
            <button type="button" className="aichat-link" dir="auto" onClick={() => onOpen(each.id)}>
              {each.title || trans.__('New chat')}
            </button>
          </li>
        ))}
      </ul>
      {failures.length > 0 && (
        <>
          <p className="aichat-error-line">{trans.__('Not imported:')}</p>
          <ul className="aichat-files-failures">
            {failures.slice(0, SHOWN).map((failure, index) => (
              <li key={index} dir="auto">
                {failure}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

async function importOne(files: Files, file: File): Promise<Outcome> {
  try {
    const { imported, items, failures } = await files.import(file);
    return { imported, items, failures: failures.map(({ message }) => `${file.name}: ${message}`) };
  } catch (failure) {
    return { ...NONE, failures: [`${file.name}: ${asApiError(failure).message}`] };
  }
}

const joined = (one: Outcome, other: Outcome): Outcome => ({
  imported: one.imported + other.imported,
  items: [...one.items, ...other.items],
  failures: [...one.failures, ...other.failures]
});
