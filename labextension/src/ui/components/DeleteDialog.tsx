import * as React from 'react';
import { asApiError } from '../client/errors';
import { isolated } from '../i18n';
import { useChat } from './context';
import { Dialog } from './parts';

interface Props {
  open: boolean;
  title: string;
  onClose(): void;
  onDelete(): Promise<void>;
}

/** Asks before a chat is gone for good. */
export function DeleteDialog({ open, title, onClose, onDelete }: Props): React.ReactElement {
  const { trans } = useChat().host;
  const [error, setError] = React.useState('');
  const remove = async (): Promise<void> => {
    try {
      await onDelete();
      onClose();
    } catch (failure) {
      setError(asApiError(failure).message);
    }
  };
  return (
    <Dialog open={open} title={trans.__('Delete this chat?')} onClose={onClose}>
      <p>{trans.__('“%1” and all its messages will be gone for good.', isolated(title))}</p>
      {error && (
        <p className="aichat-error-line" role="alert">
          {error}
        </p>
      )}
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={onClose}>
          {trans.__('Keep')}
        </button>
        <button type="button" className="aichat-button aichat-danger" onClick={() => void remove()}>
          {trans.__('Delete')}
        </button>
      </div>
    </Dialog>
  );
}
