import * as React from 'react';
import { Dialog } from '../../../ui/components/parts';
import { isolated } from '../../../ui/i18n';
import type { Quota, UserReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Failed, Field, Form, Submit } from '../../parts/forms';
import { useAction } from '../../parts/useAction';

const BOUNDS = ['tokens_per_day', 'tokens_per_month', 'seconds_per_day', 'seconds_per_month'] as const;

type Bounds = Record<(typeof BOUNDS)[number], string>;

/** How much one person may use of all models together; those of single models are kept as they are. */
export function SetQuotas(p: { of: UserReply; onClose(): void; onChanged(): void }): React.ReactElement {
  const { accounts, trans } = useService();
  const [bounds, setBounds] = React.useState(() => boundsOf(p.of.quotas.find(isOfAll)));
  const names: Bounds = {
    tokens_per_day: trans.__('Tokens a day'),
    tokens_per_month: trans.__('Tokens a month'),
    seconds_per_day: trans.__('Seconds a day'),
    seconds_per_month: trans.__('Seconds a month')
  };
  const set = useAction(async () => {
    const quotas = [...p.of.quotas.filter(quota => !isOfAll(quota)), ...quotaOf(bounds)];
    await accounts.changeUser(p.of.id, { quotas });
    p.onChanged();
    p.onClose();
  });
  return (
    <Dialog open title={trans.__('What “%1” may use', isolated(p.of.name))} onClose={p.onClose}>
      <Form onSubmit={() => void set.run()}>
        <p>{trans.__('Of all models together. Where nothing stands, the rules of the service hold.')}</p>
        <div className="aichat-pairs">
          {BOUNDS.map(each => (
            <Field
              key={each}
              label={names[each]}
              value={bounds[each]}
              onChange={value => setBounds({ ...bounds, [each]: value.replace(/\D/g, '').slice(0, 15) })}
              inputMode="numeric"
              autoComplete="off"
            />
          ))}
        </div>
        <Failed error={set.error} />
        <div className="aichat-dialog-actions">
          <button type="button" className="aichat-button" onClick={p.onClose}>
            {trans.__('Cancel')}
          </button>
          <Submit busy={set.busy}>{trans.__('Save')}</Submit>
        </div>
      </Form>
    </Dialog>
  );
}

const isOfAll = (quota: Quota): boolean => (quota.model ?? '*') === '*';

const boundsOf = (quota: Quota = {}): Bounds =>
  Object.fromEntries(BOUNDS.map(each => [each, quota[each]?.toString() ?? ''])) as Bounds;

/** The quota that the fields say; none where they are empty. */
function quotaOf(bounds: Bounds): Quota[] {
  const given = BOUNDS.filter(each => bounds[each] !== '').map(each => [each, Number(bounds[each])]);
  return given.length ? [{ model: '*', ...Object.fromEntries(given) }] : [];
}
