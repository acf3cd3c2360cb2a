import * as React from 'react';
import type { Trans } from '../../../ui/i18n';
import type { MeReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Frame } from '../../parts/Frame';
import { partsFor, SETTINGS, type Place, type SettingsPart } from '../../places';
import { Data } from './Data';
import { Profile } from './Profile';
import { Security } from './Security';
import { Tokens } from './Tokens';
import { Usage } from './Usage';

const VIEWS: Record<SettingsPart, (p: { me: MeReply }) => React.ReactElement> = {
  profile: Profile,
  security: Security,
  tokens: Tokens,
  usage: Usage,
  data: Data
};

/** What a person may change of the own account. */
export default function Settings({
  me,
  part,
  back
}: {
  me: MeReply;
  part: SettingsPart;
  back: Place;
}): React.ReactElement {
  const { hub, trans } = useService();
  const parts = partsFor(SETTINGS, hub !== null).map(each => ({
    place: { view: 'settings', part: each } as const,
    label: nameOf(each, trans),
    current: each === part
  }));
  const View = VIEWS[part];
  return (
    <Frame title={trans.__('Settings')} me={me} back={back} parts={parts}>
      <View me={me} />
    </Frame>
  );
}

function nameOf(part: SettingsPart, trans: Trans): string {
  switch (part) {
    case 'profile':
      return trans.__('Profile');
    case 'security':
      return trans.__('Password and sessions');
    case 'tokens':
      return trans.__('Tokens');
    case 'usage':
      return trans.__('Usage');
    case 'data':
      return trans.__('Your data');
  }
}
