import * as React from 'react';
import { useService } from '../../context';
import { Section } from '../../parts/Section';

/** Who used how much. */
export function Usage(): React.ReactElement {
  const { trans } = useService();
  return <Section title={trans.__('Usage')}>{null}</Section>;
}
