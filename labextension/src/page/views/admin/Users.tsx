import * as React from 'react';
import { Menu, type Item } from '../../../ui/components/parts';
import { isolated } from '../../../ui/i18n';
import type { MeReply, UserReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Confirm } from '../../parts/Confirm';
import { Failed, Field, Form } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { Row, Section } from '../../parts/Section';
import { useAction } from '../../parts/useAction';
import { useCalm } from '../../parts/useCalm';
import { useList } from '../../parts/useList';
import { day } from '../../parts/words';
import { NewUser } from './NewUser';
import { SetGroups } from './SetGroups';
import { SetQuotas } from './SetQuotas';
import { SetPassword } from './SetPassword';

/** All accounts, and what can be done with them. */
export function Users({ me }: { me: MeReply }): React.ReactElement {
  const { accounts, hub, trans } = useService();
  const [name, setName] = React.useState('');
  const [group, setGroup] = React.useState('');
  const filter = { q: useCalm(name.trim()), group: useCalm(group.trim()) };
  const list = useList(cursor => accounts.users(cursor, filter), `${filter.q} in ${filter.group}`);
  const [making, setMaking] = React.useState(false);
  const changed = (): void => void list.reload();
  return (
    <Section title={trans.__('Accounts')}>
      {!hub && (
        <button type="button" className="aichat-button aichat-primary" onClick={() => setMaking(true)}>
          {trans.__('New account …')}
        </button>
      )}
      {making && <NewUser onClose={() => setMaking(false)} onMade={changed} />}
      <Form label={trans.__('Find accounts')} className="aichat-pairs" onSubmit={changed}>
        <Field label={trans.__('Name begins with')} value={name} onChange={setName} type="search" {...PLAIN} />
        <Field label={trans.__('In the group')} value={group} onChange={setGroup} type="search" {...PLAIN} />
      </Form>
      <Listing list={list} empty={trans.__('No accounts.')}>
        <ul className="aichat-cards">
          {list.items.map(each => (
            <UserRow key={each.id} of={each} own={each.id === me.owner_id} onChanged={changed} />
          ))}
        </ul>
      </Listing>
    </Section>
  );
}

const PLAIN = { autoComplete: 'off', autoCapitalize: 'off', spellCheck: false, maxLength: 64 } as const;

type Asking = 'disable' | 'delete' | 'password' | 'quotas' | 'groups' | null;

function UserRow({ of, own, onChanged }: { of: UserReply; own: boolean; onChanged(): void }): React.ReactElement {
  const { accounts, hub, trans } = useService();
  const [asking, setAsking] = React.useState<Asking>(null);
  const change = useAction(async (changes: { roles?: string[]; disabled?: boolean }) => {
    await accounts.changeUser(of.id, changes);
    onChanged();
  });
  const admin = of.roles.includes('admin');
  const ofLogins: Item[] = [
    {
      label: admin ? trans.__('Make an ordinary user') : trans.__('Make an administrator'),
      disabled: own,
      run: () => void change.run({ roles: admin ? ['user'] : ['user', 'admin'] })
    },
    { label: trans.__('Set password …'), disabled: own, run: () => setAsking('password') },
    { label: trans.__('Groups …'), disabled: own, run: () => setAsking('groups') }
  ];
  const items: Item[] = [
    ...(hub ? [] : ofLogins),
    { label: trans.__('Quotas …'), run: () => setAsking('quotas') },
    of.disabled
      ? { label: trans.__('Enable'), run: () => void change.run({ disabled: false }) }
      : { label: trans.__('Disable …'), disabled: own, run: () => setAsking('disable') },
    { label: trans.__('Delete …'), disabled: own, run: () => setAsking('delete') }
  ];
  const marks = [
    ...(own ? [trans.__('you')] : []),
    ...(admin ? [trans.__('administrator')] : []),
    ...(of.disabled ? [trans.__('disabled')] : []),
    ...(of.quotas.length ? [trans.__('own quotas')] : [])
  ];
  return (
    <Row
      title={of.display_name}
      marks={marks}
      details={[
        of.name !== of.display_name && <bdi>{of.name}</bdi>,
        trans.__('since %1', day(of.created_at)),
        Boolean(of.groups?.length) && trans.__('in %1', of.groups?.map(isolated).join(', ')),
        change.error && <Failed error={change.error} />
      ]}
    >
      <Menu icon="more" label={trans.__('Actions for %1', of.name)} items={items} />
      {asking === 'password' && <SetPassword of={of} onClose={() => setAsking(null)} />}
      {asking === 'quotas' && <SetQuotas of={of} onClose={() => setAsking(null)} onChanged={onChanged} />}
      {asking === 'groups' && <SetGroups of={of} onClose={() => setAsking(null)} onChanged={onChanged} />}
      {asking === 'disable' && (
        <Confirm
          title={trans.__('Disable “%1”?', isolated(of.name))}
          action={trans.__('Disable')}
          onClose={() => setAsking(null)}
          act={async () => {
            await accounts.changeUser(of.id, { disabled: true });
            onChanged();
          }}
        >
          <p>{trans.__('All sessions and tokens of this account end at once. Its chats stay.')}</p>
        </Confirm>
      )}
      {asking === 'delete' && (
        <Confirm
          title={trans.__('Delete “%1”?', isolated(of.name))}
          action={trans.__('Delete')}
          onClose={() => setAsking(null)}
          act={async () => {
            await accounts.deleteUser(of.id);
            onChanged();
          }}
        >
          <p>{trans.__('The account and all its chats will be gone for good.')}</p>
        </Confirm>
      )}
    </Row>
  );
}
