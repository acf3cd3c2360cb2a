import * as React from 'react';
import type { InvitationReply, MeReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Check, Choice, Failed, Form, Submit } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { Secret } from '../../parts/Secret';
import { Row, Section } from '../../parts/Section';
import { useAction } from '../../parts/useAction';
import { useList } from '../../parts/useList';
import { useEntrance } from '../useEntrance';
import { day, moment } from '../../parts/words';

const DAYS = [1, 7, 30, 90];

/** Codes that let somebody register, each once. */
export function Invitations({ me }: { me: MeReply }): React.ReactElement {
  const { accounts, trans } = useService();
  const list = useList(accounts.invitations);
  const entrance = useEntrance();
  const [link, setLink] = React.useState('');
  return (
    <>
      <Section title={trans.__('New invitation')} lead={trans.__('One person can register with it, once.')}>
        {entrance?.registration === 'closed' && (
          <p>{trans.__('Registration is closed: an invitation is of no use until the operator opens it.')}</p>
        )}
        <NewInvitation
          onMade={made => {
            setLink(made);
            void list.reload();
          }}
        />
        {link && (
          <div className="aichat-once">
            <p>{trans.__('Send this link to the person. It is shown this once only.')}</p>
            <Secret key={link} label={trans.__('The invitation')} value={link} />
          </div>
        )}
      </Section>
      <Section title={trans.__('Not used yet')}>
        <Listing list={list} empty={trans.__('No invitations.')}>
          <ul className="aichat-cards">
            {list.items.map(each => (
              <InvitationRow key={each.id} of={each} own={each.created_by === me.owner_id} onGone={list.reload} />
            ))}
          </ul>
        </Listing>
      </Section>
    </>
  );
}

function NewInvitation({ onMade }: { onMade(link: string): void }): React.ReactElement {
  const { accounts, router, trans } = useService();
  const [days, setDays] = React.useState('7');
  const [admin, setAdmin] = React.useState(false);
  const make = useAction(async () => {
    const { invitation } = await accounts.invite(Number(days), admin ? ['user', 'admin'] : ['user']);
    onMade(router.urlOf({ view: 'register', invitation, next: '' }));
  });
  return (
    <Form label={trans.__('New invitation')} onSubmit={() => void make.run()}>
      <Choice
        label={trans.__('It can be used for')}
        value={days}
        onChange={setDays}
        options={DAYS.map(each => ({ value: String(each), label: trans._n('%1 day', '%1 days', each) }))}
      />
      <Check label={trans.__('For an administrator')} checked={admin} onChange={setAdmin} />
      <Failed error={make.error} />
      <Submit busy={make.busy}>{trans.__('Invite')}</Submit>
    </Form>
  );
}

function InvitationRow(p: { of: InvitationReply; own: boolean; onGone(): Promise<void> }): React.ReactElement {
  const { accounts, trans } = useService();
  const { of } = p;
  const takeBack = useAction(async () => {
    await accounts.takeBack(of.id);
    await p.onGone();
  });
  const made = moment(of.created_at);
  return (
    <Row
      title={trans.__('Until %1', day(of.expires_at))}
      marks={of.roles.includes('admin') ? [trans.__('administrator')] : []}
      details={[
        p.own ? trans.__('made by you, %1', made) : trans.__('made %1', made),
        takeBack.error && <Failed error={takeBack.error} />
      ]}
    >
      <button
        type="button"
        className="aichat-button"
        aria-label={trans.__('Take back the invitation of %1', made)}
        onClick={() => void takeBack.run()}
      >
        {trans.__('Take back')}
      </button>
    </Row>
  );
}
