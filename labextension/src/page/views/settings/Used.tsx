import * as React from 'react';
import type { UsedReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Listing } from '../../parts/Listing';
import { Section } from '../../parts/Section';
import { useList } from '../../parts/useList';
import { amount } from '../../parts/words';

/** What one used of each model, today and in this month, whether there is a bound or not. */
export function Used(): React.ReactElement {
  const { accounts, trans } = useService();
  const today = new Date().toISOString().slice(0, 10); // days are the service's, in UTC
  const list = useList(cursor => accounts.used(cursor, `${today.slice(0, 8)}01`), today);
  const heads = [
    trans.__('Answers today'),
    trans.__('Tokens today'),
    trans.__('Answers this month'),
    trans.__('Tokens this month'),
    trans.__('Seconds this month')
  ];
  return (
    <Section title={trans.__('What you used')} lead={trans.__('Days and months begin at midnight UTC.')}>
      <Listing list={list} empty={trans.__('Nothing in this month.')}>
        <div className="aichat-scrolled" role="region" aria-label={trans.__('Table of use')} tabIndex={0}>
          <table className="aichat-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('Model')}</th>
                {heads.map(name => (
                  <th key={name} scope="col" className="aichat-number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...byModel(list.items)].map(([model, used]) => (
                <tr key={model}>
                  <th scope="row">{model}</th>
                  {valuesOf(used, today).map((value, index) => (
                    <td key={index} className="aichat-number">
                      {amount(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Listing>
    </Section>
  );
}

/** The records of each model, models by name. */
export function byModel(items: readonly UsedReply[]): Map<string, UsedReply[]> {
  const models = [...new Set(items.map(({ model }) => model))].sort();
  return new Map(models.map(model => [model, items.filter(each => each.model === model)]));
}

/** Answers and tokens of a day, then answers, tokens and seconds of all. */
export function valuesOf(used: readonly UsedReply[], day: string): number[] {
  const ofDay = used.filter(each => each.day === day);
  return [sum(ofDay, runs), sum(ofDay, tokens), sum(used, runs), sum(used, tokens), Math.round(sum(used, seconds))];
}

const runs = (each: UsedReply): number => each.runs;
const tokens = (each: UsedReply): number => each.prompt_tokens + each.completion_tokens;
const seconds = (each: UsedReply): number => each.seconds;
const sum = (of: readonly UsedReply[], value: (each: UsedReply) => number): number =>
  of.reduce((total, each) => total + value(each), 0);
