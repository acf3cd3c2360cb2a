import * as React from 'react';
import { useService } from '../context';
import { Failed, Field, Form, PasswordField, Submit, UserNameField } from '../parts/forms';
import { Link } from '../parts/Link';
import { isLongEnough, problemOf, ruleOf } from '../parts/password';
import { useAction } from '../parts/useAction';
import { Entrance } from './Entrance';
import { useEntrance } from './useEntrance';

/** An account of one's own, where the service gives one. */
export function Register(p: { invitation: string; next: string }): React.ReactElement {
  const { trans } = useService();
  const entrance = useEntrance();
  return (
    <Entrance title={trans.__('Register')}>
      {entrance?.registration === 'closed' ? (
        <p>{trans.__('Nobody can register here. Ask an administrator for an account.')}</p>
      ) : (
        <Registration {...p} invited={Boolean(p.invitation) || entrance?.registration === 'invitation'} />
      )}
      <p className="aichat-entrance-else">
        {trans.__('Have an account already?')} <Link to={{ view: 'login', next: p.next }}>{trans.__('Log in')}</Link>
      </p>
    </Entrance>
  );
}

function Registration(p: { invitation: string; invited: boolean }): React.ReactElement {
  const { accounts, session, trans } = useService();
  const rules = useEntrance()?.password;
  const [name, setName] = React.useState('');
  const [password, setPassword] = React.useState('');
  const [invitation, setInvitation] = React.useState(p.invitation);
  const register = useAction(async () => {
    await accounts.register({ username: name, password, ...(p.invited && { invitation: invitation.trim() }) });
    await session.login(name, password);
  });
  const problem = problemOf(password, trans, rules);
  const whole = name && isLongEnough(password, rules) && !problem && (!p.invited || invitation);
  return (
    <Form onSubmit={() => whole && void register.run()}>
      <UserNameField value={name} onChange={setName} autoComplete="username" />
      <PasswordField
        label={trans.__('Password')}
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        hint={ruleOf(trans, rules)}
        problem={problem}
      />
      {p.invited && (
        <Field
          label={trans.__('Invitation')}
          value={invitation}
          onChange={setInvitation}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          hint={trans.__('The code that you were given.')}
        />
      )}
      <Failed error={register.error} />
      <Submit busy={register.busy} disabled={!whole}>
        {register.busy ? trans.__('Registering …') : trans.__('Register')}
      </Submit>
    </Form>
  );
}
