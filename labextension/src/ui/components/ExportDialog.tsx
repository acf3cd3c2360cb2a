import * as React from 'react';
import { asApiError } from '../client/errors';
import { save } from '../client/save';
import type { Download } from '../client/transport';
import type { Files, Form, Wish } from '../state/files';
import { useChat } from './context';
import { Dialog } from './parts';

interface Props {
  open: boolean;
  chatId: string;
  title: string;
  onClose(): void;
}

/** A chat as a file: in which form, and where to. */
export function ExportDialog({ open, chatId, title, onClose }: Props): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  return (
    model.files && (
      <Dialog open={open} title={trans.__('Export “%1”', title)} onClose={onClose}>
        <ExportForm files={model.files} chatId={chatId} onClose={onClose} />
      </Dialog>
    )
  );
}

function ExportForm(p: { files: Files; chatId: string; onClose(): void }): React.ReactElement {
  const { trans, place } = useChat().host;
  const [wish, setWish] = React.useState<Wish>({ form: 'markdown', askAgain: false, codeCells: true });
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState('');
  const take = async (keep: (data: Blob, name: string) => Promise<void> | void): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      const { data, name }: Download = await p.files.export(p.chatId, wish);
      await keep(data, name);
      p.onClose();
    } catch (failure) {
      setError(asApiError(failure).message);
      setBusy(false);
    }
  };
  return (
    <form
      className="aichat-files"
      onSubmit={event => {
        event.preventDefault();
        void take(save);
      }}
    >
      <FormChoice wish={wish} onWish={setWish} />
      {wish.form === 'notebook' && <NotebookChoice wish={wish} onWish={setWish} />}
      {error && (
        <p className="aichat-error-line" role="alert">
          {error}
        </p>
      )}
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={p.onClose}>
          {trans.__('Cancel')}
        </button>
        {place && (
          <button
            type="button"
            className="aichat-button"
            disabled={busy}
            onClick={() => void take((data, name) => place.save(data, name))}
          >
            {place.label()}
          </button>
        )}
        <button type="submit" className="aichat-button aichat-primary" disabled={busy}>
          {trans.__('Download')}
        </button>
      </div>
    </form>
  );
}

interface Choice {
  wish: Wish;
  onWish(wish: Wish): void;
}

function FormChoice({ wish, onWish }: Choice): React.ReactElement {
  const { trans } = useChat().host;
  const forms: [Form, string, string][] = [
    ['markdown', trans.__('Markdown'), trans.__('The branch that you see, for reading')],
    ['notebook', trans.__('Notebook'), trans.__('The same as cells, to go on working')],
    ['json', trans.__('JSON'), trans.__('Everything, with all branches; can be imported again')]
  ];
  return (
    <fieldset>
      <legend>{trans.__('As')}</legend>
      {forms.map(([form, name, detail]) => (
        <label key={form}>
          <input
            type="radio"
            name="form"
            value={form}
            checked={wish.form === form}
            onChange={() => onWish({ ...wish, form })}
          />
          <span>
            {name} <span className="aichat-quiet">{detail}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function NotebookChoice({ wish, onWish }: Choice): React.ReactElement {
  const { trans } = useChat().host;
  return (
    <fieldset>
      <legend>{trans.__('In the notebook')}</legend>
      <label>
        <input
          type="checkbox"
          checked={wish.codeCells}
          onChange={event => onWish({ ...wish, codeCells: event.target.checked })}
        />
        <span>{trans.__('Python in answers becomes cells of code')}</span>
      </label>
      <label>
        <input
          type="checkbox"
          checked={wish.askAgain}
          onChange={event => onWish({ ...wish, askAgain: event.target.checked })}
        />
        <span>{trans.__('Questions become %%%%chat cells, which ask them again')}</span>
      </label>
    </fieldset>
  );
}
