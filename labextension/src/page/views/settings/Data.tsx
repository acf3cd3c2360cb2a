import * as React from 'react';
import { save } from '../../../ui/client/save';
import { Dialog } from '../../../ui/components/parts';
import type { MeReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { forgetTexts } from '../../kept';
import { Done, Failed, Form, PasswordField, Submit } from '../../parts/forms';
import { Section } from '../../parts/Section';
import { useAction } from '../../parts/useAction';
import { keeping } from '../../parts/words';

/** How long chats are kept, taking everything along, and leaving for good. */
export function Data({ me }: { me: MeReply }): React.ReactElement {
  const { hub, trans } = useService();
  const kept = keeping(me.keeps_chats_days, trans);
  return (
    <>
      {kept && (
        <Section title={trans.__('How long chats are kept')}>
          <p>{kept}</p>
        </Section>
      )}
      <Export name={me.name} />
      {!hub && <Leave name={me.name} />}
    </>
  );
}

function Export({ name }: { name: string }): React.ReactElement {
  const { accounts, trans } = useService();
  const [saved, setSaved] = React.useState(false);
  const take = useAction(async () => {
    save(await accounts.export(), `chats-of-${name}.jsonl`);
    setSaved(true);
  });
  return (
    <Section
      title={trans.__('Download')}
      lead={trans.__(
        'All that is kept of you: chats, messages, sessions, the names of your tokens. One JSON object a line.'
      )}
    >
      <Failed error={take.error} />
      <div className="aichat-form-end">
        <button type="button" className="aichat-button" onClick={() => void take.run()}>
          {take.busy ? trans.__('Collecting …') : trans.__('Download everything')}
        </button>
        <Done>{saved && trans.__('Saved')}</Done>
      </div>
    </Section>
  );
}

function Leave({ name }: { name: string }): React.ReactElement {
  const { trans } = useService();
  const [asked, setAsked] = React.useState(false);
  return (
    <Section
      danger
      title={trans.__('Delete the account')}
      lead={trans.__('The account and all its chats will be gone for good. Nobody can bring them back.')}
    >
      <button type="button" className="aichat-button aichat-danger" onClick={() => setAsked(true)}>
        {trans.__('Delete the account …')}
      </button>
      <Dialog open={asked} title={trans.__('Delete the account “%1”?', name)} onClose={() => setAsked(false)}>
        <LastWord name={name} onKeep={() => setAsked(false)} />
      </Dialog>
    </Section>
  );
}

function LastWord({ name, onKeep }: { name: string; onKeep(): void }): React.ReactElement {
  const { accounts, session, trans } = useService();
  const [password, setPassword] = React.useState('');
  const leave = useAction(async () => {
    await session.leave(() => accounts.remove(password));
    forgetTexts();
  });
  return (
    <Form onSubmit={() => password && void leave.run()}>
      <p>{trans.__('All your chats go with it. Your password, once more:')}</p>
      <input type="text" hidden readOnly autoComplete="username" value={name} />
      <PasswordField
        label={trans.__('Password')}
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        autoFocus
      />
      <Failed error={leave.error} />
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={onKeep}>
          {trans.__('Keep')}
        </button>
        <Submit danger busy={leave.busy} disabled={!password}>
          {trans.__('Delete everything')}
        </Submit>
      </div>
    </Form>
  );
}
