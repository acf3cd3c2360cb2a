import * as React from 'react';
import type { Trans } from '../i18n';
import { useCell } from '../state/cell';
import { useChat } from './context';
import { DeleteDialog } from './DeleteDialog';
import { ExportDialog } from './ExportDialog';
import type { Noted } from './Note';
import { Menu, type Item } from './parts';
import { ShareDialog } from './ShareDialog';
import { useCanShare } from './useCanShare';

interface Props {
  /** Null while nothing was asked yet: then there is nothing to do. */
  chatId: string | null;
  title: string;
  pinned: boolean;
  /** What the button is called. */
  label: string;
  className?: string;
  onRename(): void;
  onNote(note: Noted): void;
}

/** What can be done with a chat, and the dialogs for it. */
export function ChatMenu({ chatId, title, pinned, label, className, onRename, onNote }: Props): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const [dialog, setDialog] = React.useState<'share' | 'export' | 'delete' | null>(null);
  const canShare = useCanShare();
  const days = useCell(model.keeping.days);
  const close = (): void => setDialog(null);
  const pin = async (id: string): Promise<void> => {
    const done = model.pinChat(id, !pinned);
    onNote({ text: pinned ? trans.__('“%1” is not pinned any more.', title) : trans.__('“%1” is pinned.', title) });
    await done.catch(() => onNote({ text: notPinned(pinned, title, trans), failed: true }));
  };
  const all: (Item | false)[] = [
    { label: trans.__('Rename'), run: onRename },
    {
      label: pinned ? trans.__('Unpin') : trans.__('Pin'),
      detail: days ? whatPinningMeans(pinned, days, trans) : undefined,
      run: () => void (chatId && pin(chatId))
    },
    canShare && { label: trans.__('Share …'), run: () => setDialog('share') },
    model.files !== null && { label: trans.__('Export …'), run: () => setDialog('export') },
    { label: trans.__('Delete …'), run: () => setDialog('delete') }
  ];
  const items = all.filter((item): item is Item => item !== false).map(item => ({ ...item, disabled: !chatId }));
  return (
    <>
      <Menu icon="more" className={className} label={label} items={items} />
      {chatId && canShare && <ShareDialog open={dialog === 'share'} chatId={chatId} onClose={close} />}
      {chatId && <ExportDialog open={dialog === 'export'} chatId={chatId} title={title} onClose={close} />}
      {chatId && (
        <DeleteDialog
          open={dialog === 'delete'}
          title={title}
          onClose={close}
          onDelete={() => model.deleteChat(chatId)}
        />
      )}
    </>
  );
}

function whatPinningMeans(pinned: boolean, days: number, trans: Trans): string {
  return pinned
    ? trans._n('then kept for %1 day', 'then kept for %1 days', days)
    : trans._n('kept for good, not for %1 day', 'kept for good, not for %1 days', days);
}

function notPinned(pinned: boolean, title: string, trans: Trans): string {
  return pinned
    ? trans.__('“%1” could not be unpinned. Try again.', title)
    : trans.__('“%1” could not be pinned. Try again.', title);
}
