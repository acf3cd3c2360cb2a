import * as React from 'react';
import { useService } from '../../context';
import { Link } from '../../parts/Link';
import { Listing } from '../../parts/Listing';
import { Row, Section } from '../../parts/Section';
import { useList } from '../../parts/useList';
import { day } from '../../parts/words';

/** The chats that others share with this account; what was shared by link is known only to the link. */
export function Received(): React.ReactElement {
  const { accounts, trans } = useService();
  const list = useList(accounts.received);
  return (
    <Section
      title={trans.__('Chats of others')}
      lead={trans.__('You read them as they grow; only their owners write.')}
    >
      <Listing list={list} empty={trans.__('Nobody shares a chat with you.')}>
        <ul className="aichat-cards">
          {list.items.map(each => (
            <Row
              key={each.id}
              title={<Link to={{ view: 'shared', token: each.id }}>{each.title || trans.__('New chat')}</Link>}
              details={[
                trans.__('by %1', `\u2068${each.shared_by}\u2069`),
                each.expires_at && trans.__('until %1', day(each.expires_at))
              ]}
            />
          ))}
        </ul>
      </Listing>
    </Section>
  );
}
