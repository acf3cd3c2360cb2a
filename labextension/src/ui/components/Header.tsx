import * as React from 'react';
import { useCell } from '../state/cell';
import { useChat } from './context';
import { IconButton } from './icons';
import { Menu } from './parts';
import { DeleteDialog } from './DeleteDialog';
import { ExportDialog } from './ExportDialog';
import { ShareDialog } from './ShareDialog';
import { useCanShare } from './useCanShare';

interface Props {
  listOpen: boolean;
  onList(): void;
  onNew(): void;
}

/** List of chats, title (a click renames), new chat, menu. */
export function Header({ listOpen, onList, onNew }: Props): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const { chat, chatId } = useCell(model.current);
  const [renaming, setRenaming] = React.useState(false);
  const [deleting, setDeleting] = React.useState(false);
  const [sharing, setSharing] = React.useState(false);
  const [exporting, setExporting] = React.useState(false);
  const canShare = useCanShare();
  const title = chat?.title || trans.__('New chat');
  return (
    <header className="aichat-header">
      <IconButton
        icon="list"
        className="aichat-list-button"
        label={trans.__('Chats')}
        aria-expanded={listOpen}
        onClick={onList}
      />
      {renaming && chatId ? (
        <TitleEditor
          title={chat?.title ?? ''}
          label={trans.__('Title')}
          onDone={value => {
            setRenaming(false);
            if (value !== null && value !== chat?.title) {
              void model.renameChat(chatId, value).catch(() => undefined);
            }
          }}
        />
      ) : (
        <h2 className="aichat-title">
          <button
            type="button"
            disabled={!chatId}
            title={chatId ? trans.__('Rename') : undefined}
            onClick={() => setRenaming(true)}
            dir="auto"
          >
            {title}
          </button>
        </h2>
      )}
      <IconButton icon="plus" label={trans.__('New chat')} onClick={onNew} />
      <Menu
        icon="more"
        label={trans.__('More')}
        items={[
          { label: trans.__('Rename'), disabled: !chatId, run: () => setRenaming(true) },
          ...(canShare ? [{ label: trans.__('Share …'), disabled: !chatId, run: () => setSharing(true) }] : []),
          ...(model.files ? [{ label: trans.__('Export …'), disabled: !chatId, run: () => setExporting(true) }] : []),
          { label: trans.__('Delete …'), disabled: !chatId, run: () => setDeleting(true) }
        ]}
      />
      {host.corner}
      {chatId && canShare && <ShareDialog open={sharing} chatId={chatId} onClose={() => setSharing(false)} />}
      {chatId && <ExportDialog open={exporting} chatId={chatId} title={title} onClose={() => setExporting(false)} />}
      {chatId && (
        <DeleteDialog
          open={deleting}
          title={title}
          onClose={() => setDeleting(false)}
          onDelete={() => model.deleteChat(chatId)}
        />
      )}
    </header>
  );
}

export function TitleEditor(p: {
  title: string;
  label: string;
  onDone(title: string | null): void;
}): React.ReactElement {
  const [value, setValue] = React.useState(p.title);
  const done = React.useRef(false);
  const finish = (result: string | null): void => {
    if (!done.current) {
      done.current = true;
      p.onDone(result?.trim() ? result.trim() : null);
    }
  };
  return (
    <input
      className="aichat-title-input"
      aria-label={p.label}
      value={value}
      maxLength={200}
      autoFocus
      onFocus={event => event.target.select()}
      onChange={event => setValue(event.target.value)}
      onBlur={() => finish(value)}
      onKeyDown={event => {
        if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
          finish(value);
        } else if (event.key === 'Escape') {
          finish(null);
        } else {
          return;
        }
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
