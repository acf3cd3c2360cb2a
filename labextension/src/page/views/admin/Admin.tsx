import * as React from 'react';
import type { Trans } from '../../../ui/i18n';
import type { MeReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Frame } from '../../parts/Frame';
import { ADMIN, partsFor, type AdminPart, type Place } from '../../places';
import { Audit } from './Audit';
import { Invitations } from './Invitations';
import { Usage } from './Usage';
import { Users } from './Users';

const VIEWS: Record<AdminPart, (p: { me: MeReply }) => React.ReactElement> = {
  users: Users,
  invitations: Invitations,
  usage: Usage,
  audit: Audit
};

/** What administrators see of the service: who is in it, who used how much, who did what. */
export default function Admin({ me, part, back }: { me: MeReply; part: AdminPart; back: Place }): React.ReactElement {
  const { hub, trans } = useService();
  const parts = partsFor(ADMIN, hub !== null).map(each => ({
    place: { view: 'admin', part: each } as const,
    label: nameOf(each, trans),
    current: each === part
  }));
  const View = VIEWS[part];
  return (
    <Frame title={trans.__('Administration')} me={me} back={back} parts={parts}>
      <View me={me} />
    </Frame>
  );
}

function nameOf(part: AdminPart, trans: Trans): string {
  switch (part) {
    case 'users':
      return trans.__('Users');
    case 'invitations':
      return trans.__('Invitations');
    case 'usage':
      return trans.__('Usage');
    case 'audit':
      return trans.__('Audit');
  }
}
