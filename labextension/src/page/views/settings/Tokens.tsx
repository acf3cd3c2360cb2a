import * as React from 'react';
import type { Trans } from '../../../ui/i18n';
import type { MeReply, TokenReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Confirm } from '../../parts/Confirm';
import { Check, Choice, Failed, Field, Form, Submit } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { Secret } from '../../parts/Secret';
import { Row, Section } from '../../parts/Section';
import { useAction } from '../../parts/useAction';
import { useList } from '../../parts/useList';
import { day, moment } from '../../parts/words';

const DAYS = [7, 30, 90, 365];

/** Personal tokens: made, shown once, deleted. */
export function Tokens({ me }: { me: MeReply }): React.ReactElement {
  const { accounts, trans } = useService();
  const list = useList(accounts.tokens);
  const [made, setMade] = React.useState<{ name: string; token: string } | null>(null);
  return (
    <>
      <Section
        title={trans.__('New token')}
        lead={trans.__('For scripts, notebooks and a JupyterLab of your own. It can do what you choose, in your name.')}
      >
        <NewToken
          me={me}
          onMade={token => {
            setMade(token);
            void list.reload();
          }}
        />
        {made && (
          <div className="aichat-once">
            <p>{trans.__('Copy “%1” now: it is shown this once only.', made.name)}</p>
            <Secret key={made.token} label={trans.__('The new token')} value={made.token} />
          </div>
        )}
      </Section>
      <Section title={trans.__('Your tokens')}>
        <Listing list={list} empty={trans.__('No tokens yet.')}>
          <ul className="aichat-cards">
            {list.items.map(each => (
              <TokenRow key={each.id} of={each} onDeleted={() => void list.reload()} />
            ))}
          </ul>
        </Listing>
      </Section>
    </>
  );
}

function NewToken(p: { me: MeReply; onMade(token: { name: string; token: string }): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const [name, setName] = React.useState('');
  const [days, setDays] = React.useState('90');
  const [scopes, setScopes] = React.useState<readonly string[]>(['chats:read', 'chats:write']);
  const make = useAction(async () => {
    p.onMade(await accounts.makeToken(name.trim(), [...scopes], Number(days)));
    setName('');
  });
  const whole = name.trim() !== '' && scopes.length > 0;
  const offered = ['chats:read', 'chats:write', ...(p.me.scopes.includes('admin') ? ['admin'] : [])];
  return (
    <Form label={trans.__('New token')} onSubmit={() => whole && void make.run()}>
      <Field
        label={trans.__('What it is for')}
        value={name}
        onChange={setName}
        maxLength={100}
        autoComplete="off"
        placeholder={trans.__('Laptop at home')}
      />
      <fieldset className="aichat-fieldset">
        <legend>{trans.__('It may')}</legend>
        {offered.map(scope => (
          <Check
            key={scope}
            label={scopeName(scope, trans)}
            checked={scopes.includes(scope)}
            onChange={checked => setScopes(offered.filter(each => (each === scope ? checked : scopes.includes(each))))}
          />
        ))}
      </fieldset>
      <Choice
        label={trans.__('It ends after')}
        value={days}
        onChange={setDays}
        options={DAYS.map(each => ({ value: String(each), label: trans._n('%1 day', '%1 days', each) }))}
      />
      <Failed error={make.error} />
      <Submit busy={make.busy} disabled={!whole}>
        {trans.__('Make token')}
      </Submit>
    </Form>
  );
}

function TokenRow({ of, onDeleted }: { of: TokenReply; onDeleted(): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const [deleting, setDeleting] = React.useState(false);
  const over = Date.parse(of.expires_at) < Date.now();
  return (
    <Row
      title={of.name}
      marks={over ? [trans.__('over')] : []}
      details={[
        of.scopes.map(scope => scopeName(scope, trans)).join(', '),
        over ? trans.__('ended %1', day(of.expires_at)) : trans.__('until %1', day(of.expires_at)),
        of.used_at ? trans.__('last used %1', moment(of.used_at)) : trans.__('never used')
      ]}
    >
      <button
        type="button"
        className="aichat-button"
        aria-label={trans.__('Delete the token “%1”', of.name)}
        onClick={() => setDeleting(true)}
      >
        {trans.__('Delete')}
      </button>
      {deleting && (
        <Confirm
          title={trans.__('Delete this token?')}
          action={trans.__('Delete')}
          onClose={() => setDeleting(false)}
          act={async () => {
            await accounts.deleteToken(of.id);
            onDeleted();
          }}
        >
          <p>{trans.__('Whatever uses “%1” is let in no more.', of.name)}</p>
        </Confirm>
      )}
    </Row>
  );
}

function scopeName(scope: string, trans: Trans): string {
  switch (scope) {
    case 'chats:read':
      return trans.__('read chats');
    case 'chats:write':
      return trans.__('ask, and change chats');
    case 'admin':
      return trans.__('administer the service');
    default:
      return scope;
  }
}
