import * as React from 'react';
import { Dialog } from '../../../ui/components/parts';
import { useService } from '../../context';
import { Check, Failed, Form, PasswordField, Submit, UserNameField } from '../../parts/forms';
import { isLongEnough, problemOf, ruleOf } from '../../parts/password';
import { useAction } from '../../parts/useAction';
import { useEntrance } from '../useEntrance';

/** An account for somebody. */
export function NewUser({ onClose, onMade }: { onClose(): void; onMade(): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const rules = useEntrance()?.password;
  const [username, setUsername] = React.useState('');
  const [password, setPassword] = React.useState('');
  const [admin, setAdmin] = React.useState(false);
  const make = useAction(async () => {
    await accounts.makeUser({ username, password, roles: admin ? ['user', 'admin'] : ['user'] });
    onMade();
    onClose();
  });
  const problem = problemOf(password, trans, rules);
  const whole = username && isLongEnough(password, rules) && !problem;
  return (
    <Dialog open title={trans.__('New account')} onClose={onClose}>
      <Form onSubmit={() => whole && void make.run()}>
        <UserNameField value={username} onChange={setUsername} autoComplete="off" />
        <PasswordField
          label={trans.__('First password')}
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          hint={ruleOf(trans, rules)}
          problem={problem}
        />
        <Check label={trans.__('Administrator')} checked={admin} onChange={setAdmin} />
        <Failed error={make.error} />
        <div className="aichat-dialog-actions">
          <button type="button" className="aichat-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <Submit busy={make.busy} disabled={!whole}>
            {trans.__('Make account')}
          </Submit>
        </div>
      </Form>
    </Dialog>
  );
}
