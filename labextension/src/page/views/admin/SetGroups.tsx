import * as React from 'react';
import { Dialog } from '../../../ui/components/parts';
import { isolated } from '../../../ui/i18n';
import type { UserReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Failed, Field, Form, Submit } from '../../parts/forms';
import { useAction } from '../../parts/useAction';

/** The groups that somebody is in. */
export function SetGroups(p: { of: UserReply; onClose(): void; onChanged(): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const [typed, setTyped] = React.useState((p.of.groups ?? []).join(', '));
  const set = useAction(async () => {
    await accounts.changeUser(p.of.id, { groups: namesIn(typed) });
    p.onChanged();
    p.onClose();
  });
  return (
    <Dialog open title={trans.__('Groups of “%1”', isolated(p.of.name))} onClose={p.onClose}>
      <Form onSubmit={() => void set.run()}>
        <Field
          label={trans.__('Groups')}
          value={typed}
          onChange={setTyped}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          autoFocus
          hint={trans.__('Names with commas between them. A group is there as long as somebody is in it.')}
        />
        <Failed error={set.error} />
        <div className="aichat-dialog-actions">
          <button type="button" className="aichat-button" onClick={p.onClose}>
            {trans.__('Cancel')}
          </button>
          <Submit busy={set.busy}>{trans.__('Save')}</Submit>
        </div>
      </Form>
    </Dialog>
  );
}

const namesIn = (typed: string): string[] =>
  typed
    .split(',')
    .map(name => name.trim())
    .filter(Boolean);
