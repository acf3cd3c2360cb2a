import * as React from 'react';
import type { UsageReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Choice } from '../../parts/forms';
import { Listing } from '../../parts/Listing';
import { Section } from '../../parts/Section';
import { useList } from '../../parts/useList';
import { amount } from '../../parts/words';

const SPANS = [1, 7, 31, 366];
const DAY_MS = 86_400_000;

/** Who used how much of which model, by day. */
export function Usage(): React.ReactElement {
  const { accounts, trans } = useService();
  const [days, setDays] = React.useState('7');
  const list = useList(cursor => accounts.usage(cursor, { since: dayBefore(Number(days)) }), days);
  return (
    <Section title={trans.__('By day, person and model')} lead={trans.__('Days begin at midnight UTC.')}>
      <Choice
        label={trans.__('Of the last')}
        value={days}
        onChange={setDays}
        options={SPANS.map(each => ({ value: String(each), label: trans._n('%1 day', '%1 days', each) }))}
      />
      <Listing list={list} empty={trans.__('Nobody has asked anything.')}>
        <div className="aichat-scrolled" role="region" aria-label={trans.__('Table of use')} tabIndex={0}>
          <table className="aichat-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('Day')}</th>
                <th scope="col">{trans.__('Who')}</th>
                <th scope="col">{trans.__('Model')}</th>
                {[trans.__('Answers'), trans.__('Tokens in'), trans.__('Tokens out'), trans.__('Seconds')].map(name => (
                  <th key={name} scope="col" className="aichat-number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {list.items.map(each => (
                <Used key={`${each.day} ${each.owner_id} ${each.model}`} of={each} />
              ))}
            </tbody>
          </table>
        </div>
      </Listing>
    </Section>
  );
}

const Used = ({ of }: { of: UsageReply }): React.ReactElement => (
  <tr>
    <td>{of.day}</td>
    <td dir="auto" className="aichat-named">
      {of.name ?? of.owner_id}
    </td>
    <td className="aichat-named">{of.model}</td>
    {[of.runs, of.prompt_tokens, of.completion_tokens, Math.round(of.seconds)].map((value, index) => (
      <td key={index} className="aichat-number">
        {amount(value)}
      </td>
    ))}
  </tr>
);

/** The first of so many days, today included, as the service counts them. */
const dayBefore = (days: number): string => new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
