import * as React from 'react';
import type { MeReply, SessionReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Confirm } from '../../parts/Confirm';
import { Done, Failed, Form, PasswordField, Submit } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { isLongEnough, problemOf, ruleOf } from '../../parts/password';
import { Row, Section } from '../../parts/Section';
import { useAction } from '../../parts/useAction';
import { useList } from '../../parts/useList';
import { agentName, moment } from '../../parts/words';
import { useEntrance } from '../useEntrance';

/** The password, and where one is logged in. */
export const Security = ({ me }: { me: MeReply }): React.ReactElement => (
  <>
    <Password name={me.name} />
    <Sessions />
  </>
);

function Password({ name }: { name: string }): React.ReactElement {
  const { accounts, trans } = useService();
  const rules = useEntrance()?.password;
  const [current, setCurrent] = React.useState('');
  const [fresh, setFresh] = React.useState('');
  const [changed, setChanged] = React.useState(false);
  const change = useAction(async () => {
    await accounts.changePassword(current, fresh);
    setCurrent('');
    setFresh('');
    setChanged(true);
  });
  const problem = problemOf(fresh, trans, rules);
  const whole = current && isLongEnough(fresh, rules) && !problem;
  return (
    <Section title={trans.__('Password')} lead={trans.__('A new password logs you out everywhere else.')}>
      <Form onSubmit={() => whole && void change.run()}>
        <input type="text" hidden readOnly autoComplete="username" value={name} />
        <PasswordField
          label={trans.__('Present password')}
          value={current}
          onChange={setCurrent}
          autoComplete="current-password"
        />
        <PasswordField
          label={trans.__('New password')}
          value={fresh}
          onChange={value => {
            setFresh(value);
            setChanged(false);
          }}
          autoComplete="new-password"
          hint={ruleOf(trans, rules)}
          problem={problem}
        />
        <Failed error={change.error} />
        <div className="aichat-form-end">
          <Submit busy={change.busy} disabled={!whole}>
            {trans.__('Change password')}
          </Submit>
          <Done>{changed && trans.__('Password changed')}</Done>
        </div>
      </Form>
    </Section>
  );
}

function Sessions(): React.ReactElement {
  const { accounts, session, trans } = useService();
  const list = useList(accounts.sessions);
  const [leaving, setLeaving] = React.useState(false);
  return (
    <Section title={trans.__('Sessions')} lead={trans.__('Where you are logged in. End what you do not know.')}>
      <Listing list={list} empty={trans.__('No sessions.')}>
        <ul className="aichat-cards">
          {list.items.map(each => (
            <SessionRow key={each.id} of={each} onEnded={() => void list.reload()} />
          ))}
        </ul>
      </Listing>
      <button type="button" className="aichat-button" onClick={() => setLeaving(true)}>
        {trans.__('Log out everywhere …')}
      </button>
      {leaving && (
        <Confirm
          title={trans.__('Log out everywhere?')}
          action={trans.__('Log out everywhere')}
          onClose={() => setLeaving(false)}
          act={() => session.leave(accounts.logoutEverywhere)}
        >
          <p>{trans.__('All sessions end, this one too. Personal tokens stay.')}</p>
        </Confirm>
      )}
    </Section>
  );
}

function SessionRow({ of, onEnded }: { of: SessionReply; onEnded(): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const end = useAction(async () => {
    await accounts.endSession(of.id);
    onEnded();
  });
  const agent = agentName(of.agent, trans);
  return (
    <Row
      title={agent}
      marks={of.current ? [trans.__('this one')] : []}
      details={[
        of.address,
        trans.__('seen %1', moment(of.refreshed_at)),
        trans.__('since %1', moment(of.created_at)),
        end.error && <Failed error={end.error} />
      ]}
    >
      {!of.current && (
        <button
          type="button"
          className="aichat-button"
          aria-label={trans.__('End the session of %1', agent)}
          onClick={() => void end.run()}
        >
          {trans.__('End')}
        </button>
      )}
    </Row>
  );
}
