import * as React from 'react';
import type { Trans } from '../../../ui/i18n';
import type { MeReply, QuotaStanding } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Section } from '../../parts/Section';
import { amount, moment, share } from '../../parts/words';
import { Used } from './Used';

/** What is left of what one may use, and what one used. */
export const Usage = ({ me }: { me: MeReply }): React.ReactElement => (
  <>
    <WhatIsLeft me={me} />
    <Used />
  </>
);

function WhatIsLeft({ me }: { me: MeReply }): React.ReactElement {
  const { session, trans } = useService();
  React.useEffect(() => void session.enter(), [session]); // what is used changes with each answer
  const { quotas = [] } = me.limits;
  return (
    <Section title={trans.__('What is left')} lead={trans.__('Tokens are pieces of words, of questions and answers.')}>
      {quotas.length ? (
        <ul className="aichat-bars">
          {quotas.map(each => (
            <Left key={`${each.model} ${each.quota}`} of={each} />
          ))}
        </ul>
      ) : (
        <p>{trans.__('This service sets no bounds on how much you ask.')}</p>
      )}
    </Section>
  );
}

function Left({ of }: { of: QuotaStanding }): React.ReactElement {
  const { trans } = useService();
  const name = nameOf(of, trans);
  const left = Math.max(0, of.limit - of.used);
  const said = of.quota.startsWith('seconds')
    ? trans.__('%1 s of %2 s left', amount(left), amount(of.limit))
    : trans.__('%1 of %2 tokens left', amount(left), amount(of.limit));
  return (
    <li>
      <div className="aichat-bar-words">
        <strong>{name}</strong>
        <span>{said}</span>
      </div>
      <meter
        className="aichat-bar"
        aria-label={name}
        min={0}
        max={1}
        low={0.6}
        high={0.9}
        optimum={0}
        value={share(of.used, of.limit)}
      />
      <p className="aichat-quiet">
        {left ? trans.__('Begins anew %1', moment(of.resets_at)) : trans.__('Used up. Again %1', moment(of.resets_at))}
      </p>
    </li>
  );
}

function nameOf({ model, quota }: QuotaStanding, trans: Trans): string {
  const daily = quota.endsWith('day');
  const models = model === '*' ? trans.__('All models') : model;
  return daily ? trans.__('%1, today', models) : trans.__('%1, this month', models);
}
