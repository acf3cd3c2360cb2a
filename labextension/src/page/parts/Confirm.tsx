import * as React from 'react';
import { Dialog } from '../../ui/components/parts';
import { useService } from '../context';
import { Failed } from './forms';
import { useAction } from './useAction';

interface Props {
  title: string;
  /** What the button that does it says. */
  action: string;
  onClose(): void;
  /** Does it; rejects with `ApiError`. */
  act(): Promise<unknown>;
  children: React.ReactNode;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, action, onClose, act, children }: Props): React.ReactElement {
  const { trans } = useService();
  const doing = useAction(act);
  const confirm = async (): Promise<void> => {
    if (await doing.run()) {
      onClose();
    }
  };
  return (
    <Dialog open title={title} onClose={onClose}>
      {children}
      <Failed error={doing.error} />
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={onClose}>
          {trans.__('Cancel')}
        </button>
        <button type="button" className="aichat-button aichat-danger" onClick={() => void confirm()}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
