import * as React from 'react';
import type { Me } from '../../api/bodies';
import { useService } from '../../context';
import { Section } from '../../parts/Section';

/** What is left of what one may use. */
export function Usage({ me: _ }: { me: Me }): React.ReactElement {
  const { trans } = useService();
  return (
    <Section title={trans.__('What is left')}>
      <p>{trans.__('This service sets no bounds on how much you ask.')}</p>
    </Section>
  );
}
