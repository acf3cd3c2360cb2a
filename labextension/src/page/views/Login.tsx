import * as React from 'react';
import { useCell } from '../../ui/state/cell';
import { useService } from '../context';
import { Failed, Form, PasswordField, Submit, UserNameField } from '../parts/forms';
import { Link } from '../parts/Link';
import { useAction } from '../parts/useAction';
import { useEntrance } from './useEntrance';
import { Entrance } from './Entrance';

/** How one comes in, and why one has to (again). */
export function Login({ next }: { next: string }): React.ReactElement {
  return useService().hub ? <HubLogin next={next} /> : <PasswordLogin next={next} />;
}

function PasswordLogin({ next }: { next: string }): React.ReactElement {
  const { session, trans } = useService();
  const entrance = useEntrance();
  const [name, setName] = React.useState('');
  const [password, setPassword] = React.useState('');
  const login = useAction(async () => {
    await session.login(name, password);
  });
  return (
    <Entrance title={trans.__('Log in')}>
      <Reason />
      <Form onSubmit={() => void login.run()}>
        <UserNameField value={name} onChange={setName} autoComplete="username" />
        <PasswordField
          label={trans.__('Password')}
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
        />
        <Failed error={login.error} />
        <Submit busy={login.busy} disabled={!name || !password}>
          {login.busy ? trans.__('Logging in …') : trans.__('Log in')}
        </Submit>
      </Form>
      {entrance && entrance.registration !== 'closed' && (
        <p className="aichat-entrance-else">
          {entrance.registration === 'open' ? trans.__('No account yet?') : trans.__('Have you been invited?')}{' '}
          <Link to={{ view: 'register', invitation: '', next }}>{trans.__('Register')}</Link>
        </p>
      )}
    </Entrance>
  );
}

function HubLogin({ next }: { next: string }): React.ReactElement {
  const { router, trans } = useService();
  const refused = new URLSearchParams(location.search).has('refused');
  return (
    <Entrance title={trans.__('Log in')}>
      <Reason />
      {refused && (
        <p role="alert">{trans.__('JupyterHub did not let you in here. Try again, or ask an administrator.')}</p>
      )}
      <a className="aichat-button aichat-primary" href={`${router.root}oauth_login?${new URLSearchParams({ next })}`}>
        {trans.__('Sign in with JupyterHub')}
      </a>
    </Entrance>
  );
}

function Reason(): React.ReactElement | null {
  const { session, trans } = useService();
  const standing = useCell(session.standing);
  const why = standing.state === 'out' ? standing.why : null;
  const sentence =
    why === 'ended'
      ? trans.__('Your session has ended. Log in again; what you typed is kept.')
      : why === 'revoked'
        ? trans.__('Your account was disabled or deleted. Ask an administrator if you did not expect this.')
        : why === 'left'
          ? trans.__('You are logged out.')
          : '';
  return (
    <p role="status" className="aichat-entrance-why">
      {sentence}
    </p>
  );
}
