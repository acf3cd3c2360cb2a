import * as React from 'react';
import type { Trans } from '../../../ui/i18n';
import type { AuditRecord, MeReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Choice } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { Section } from '../../parts/Section';
import { useList } from '../../parts/useList';
import { moment } from '../../parts/words';
import { useNames } from './useNames';

/** Who did what, when and from where; newest first. */
export function Audit({ me: _ }: { me: MeReply }): React.ReactElement {
  const { accounts, trans } = useService();
  const [action, setAction] = React.useState('');
  const list = useList(cursor => accounts.audit(cursor, { action }), action);
  const nameOf = useNames();
  const actions = Object.entries(actionNames(trans)).map(([value, label]) => ({ value, label }));
  return (
    <Section
      title={trans.__('Records')}
      lead={trans.__('Never questions, passwords or tokens. Reading is recorded too.')}
    >
      <Choice
        label={trans.__('What')}
        value={action}
        onChange={setAction}
        options={[{ value: '', label: trans.__('Everything') }, ...actions]}
      />
      <Listing list={list} empty={trans.__('No records.')}>
        <div className="aichat-scrolled" role="region" aria-label={trans.__('Table of records')} tabIndex={0}>
          <table className="aichat-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('When')}</th>
                <th scope="col">{trans.__('What')}</th>
                <th scope="col">{trans.__('Who')}</th>
                <th scope="col">{trans.__('Whom')}</th>
                <th scope="col">{trans.__('From')}</th>
                <th scope="col">{trans.__('Details')}</th>
              </tr>
            </thead>
            <tbody>
              {list.items.map(each => (
                <Record key={each.id} of={each} nameOf={nameOf} />
              ))}
            </tbody>
          </table>
        </div>
      </Listing>
    </Section>
  );
}

function Record({ of, nameOf }: { of: AuditRecord; nameOf(id: string): string }): React.ReactElement {
  const { trans } = useService();
  return (
    <tr>
      <td>{moment(of.at)}</td>
      <td>{actionNames(trans)[of.action] ?? of.action}</td>
      <td dir="auto">{of.actor ? nameOf(of.actor) : '–'}</td>
      <td dir="auto">{of.subject && of.subject !== of.actor ? nameOf(of.subject) : ''}</td>
      <td>{of.address}</td>
      <td>
        {Object.entries(of.details)
          .map(([name, value]) => `${name}: ${value}`)
          .join(', ')}
      </td>
    </tr>
  );
}

const actionNames = (trans: Trans): Record<string, string> => ({
  login: trans.__('Login'),
  login_failed: trans.__('Failed login'),
  login_limited: trans.__('Too many tries'),
  logout: trans.__('Logout'),
  logout_all: trans.__('Logout everywhere'),
  session_ended: trans.__('Session ended'),
  token_reused: trans.__('Refresh token used twice'),
  registered: trans.__('Registration'),
  password_changed: trans.__('Password changed'),
  token_created: trans.__('Token made'),
  token_deleted: trans.__('Token deleted'),
  invited: trans.__('Invitation'),
  invitation_deleted: trans.__('Invitation taken back'),
  account_created: trans.__('Account made'),
  account_changed: trans.__('Account changed'),
  account_disabled: trans.__('Account disabled'),
  account_enabled: trans.__('Account enabled'),
  roles_changed: trans.__('Roles changed'),
  account_deleted: trans.__('Account deleted'),
  shared: trans.__('Chat shared'),
  share_revoked: trans.__('Share revoked'),
  quotas_changed: trans.__('Quotas changed'),
  exported: trans.__('Data downloaded'),
  admin_read: trans.__('Read by an administrator')
});
