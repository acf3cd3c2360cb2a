import * as React from 'react';
import { Dialog } from '../../../ui/components/parts';
import { isolated } from '../../../ui/i18n';
import type { UserReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Failed, Form, PasswordField, Submit } from '../../parts/forms';
import { isLongEnough, problemOf, ruleOf } from '../../parts/password';
import { useAction } from '../../parts/useAction';
import { useEntrance } from '../useEntrance';

/** Another password for somebody who has forgotten the own one. */
export function SetPassword({ of, onClose }: { of: UserReply; onClose(): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const rules = useEntrance()?.password;
  const [password, setPassword] = React.useState('');
  const set = useAction(async () => {
    await accounts.changeUser(of.id, { password });
    onClose();
  });
  const problem = problemOf(password, trans, rules);
  const whole = isLongEnough(password, rules) && !problem;
  return (
    <Dialog open title={trans.__('A new password for “%1”', isolated(of.name))} onClose={onClose}>
      <Form onSubmit={() => whole && void set.run()}>
        <p>{trans.__('All sessions of this account end.')}</p>
        <PasswordField
          label={trans.__('New password')}
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          hint={ruleOf(trans, rules)}
          problem={problem}
          autoFocus
        />
        <Failed error={set.error} />
        <div className="aichat-dialog-actions">
          <button type="button" className="aichat-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <Submit busy={set.busy} disabled={!whole}>
            {trans.__('Set password')}
          </Submit>
        </div>
      </Form>
    </Dialog>
  );
}
