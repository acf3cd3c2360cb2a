import * as React from 'react';
import type { Trans } from '../../../ui/i18n';
import type { AuditPage, AuditRecord, MeReply } from '../../../ui/protocol.generated';
import type { Page } from '../../api/page';
import { useService } from '../../context';
import { Choice } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { Section } from '../../parts/Section';
import { useList } from '../../parts/useList';
import { moment } from '../../parts/words';

/** Who did what, when and from where; newest first. */
export function Audit({ me: _ }: { me: MeReply }): React.ReactElement {
  const { accounts, trans } = useService();
  const [action, setAction] = React.useState('');
  const list = useList(async cursor => withNames(await accounts.audit(cursor, { action })), action);
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
                <Record key={each.id} of={each} />
              ))}
            </tbody>
          </table>
        </div>
      </Listing>
    </Section>
  );
}

type Named = AuditRecord & { who: string; whom: string };

/** The records of a page with the names of whom they are about; an account that is gone goes by its id. */
function withNames({ items, next, names }: AuditPage): Page<Named> {
  const nameOf = (id: string | null | undefined): string => (id ? (names?.[id] ?? id) : '');
  return { items: items.map(each => ({ ...each, who: nameOf(each.actor), whom: nameOf(each.subject) })), next };
}

function Record({ of }: { of: Named }): React.ReactElement {
  const { trans } = useService();
  return (
    <tr>
      <td>{moment(of.at)}</td>
      <td>{actionNames(trans)[of.action] ?? of.action}</td>
      <td dir="auto" className="aichat-named">
        {of.who || '–'}
      </td>
      <td dir="auto" className="aichat-named">
        {of.subject !== of.actor && of.whom}
      </td>
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
  share_left: trans.__('Share removed by its reader'),
  groups_changed: trans.__('Groups changed'),
  quotas_changed: trans.__('Quotas changed'),
  exported: trans.__('Data downloaded'),
  imported: trans.__('Chats imported'),
  chats_expired: trans.__('Chats deleted after their time'),
  admin_read: trans.__('Read by an administrator')
});
