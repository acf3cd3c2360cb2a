import * as React from 'react';
import { asApiError } from '../client/errors';
import { save } from '../client/save';
import { useChat } from './context';
import { ImportDialog } from './ImportDialog';
import { Menu } from './parts';

/** What can be done with all chats; nothing where files cannot come through. */
export function ListMenu({ onOpen }: { onOpen(id: string): void }): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  const [importing, setImporting] = React.useState(false);
  const [state, setState] = React.useState<{ busy?: boolean; error?: string }>({});
  const { files } = model;
  if (!files) {
    return null;
  }
  const exportAll = async (): Promise<void> => {
    setState({ busy: true });
    try {
      const { data, name } = await files.exportAll();
      save(data, name);
      setState({});
    } catch (failure) {
      setState({ error: asApiError(failure).message });
    }
  };
  return (
    <>
      <Menu
        icon="more"
        label={trans.__('Actions for all chats')}
        items={[
          { label: trans.__('Import chats …'), run: () => setImporting(true) },
          { label: trans.__('Export all chats'), disabled: state.busy, run: () => void exportAll() }
        ]}
      />
      {(state.busy || state.error) && (
        <p className="aichat-list-note" role={state.error ? 'alert' : 'status'}>
          {state.error ?? trans.__('Collecting …')}
        </p>
      )}
      <ImportDialog
        open={importing}
        onClose={() => setImporting(false)}
        onOpen={id => {
          setImporting(false);
          onOpen(id);
        }}
      />
    </>
  );
}
