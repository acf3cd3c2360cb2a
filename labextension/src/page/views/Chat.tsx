import * as React from 'react';
import { ChatApp } from '../../ui/components/ChatApp';
import type { Host } from '../../ui/host';
import { useCell } from '../../ui/state/cell';
import type { ChatModel } from '../../ui/state/model';
import type { MeReply } from '../../ui/protocol.generated';
import { useService } from '../context';
import { AccountMenu } from '../parts/AccountMenu';
import { useTitle } from '../parts/Frame';

interface Props {
  me: MeReply;
  model: ChatModel;
  /** What the address says. */
  chatId: string | null;
}

/** The chat, with the account at its upper end. */
export function Chat({ me, model, chatId }: Props): React.ReactElement {
  const { router, trans } = useService();
  const { chat } = useCell(model.current);
  useTitle(chat?.title ? `${chat.title} · ${trans.__('Chat')}` : trans.__('Chat'));
  React.useEffect(() => {
    if (model.current.get().chatId !== chatId) {
      void model.openChat(chatId); // by the browser's own buttons
    }
  }, [model, chatId]);
  React.useEffect(() => {
    if (!window.matchMedia('(pointer: coarse)').matches) {
      document.querySelector<HTMLElement>('.aichat-composer textarea')?.focus(); // where it raises no keyboard
    }
  }, []);
  const host = React.useMemo<Host>(
    () => ({
      name: 'page',
      served: true,
      trans,
      corner: <AccountMenu me={me} />,
      sharedUrl: token => router.urlOf({ view: 'shared', token })
    }),
    [router, trans, me]
  );
  return (
    <main className="aichat-page">
      <h1 className="aichat-unseen">{trans.__('Chat')}</h1>
      <ChatApp model={model} host={host} />
    </main>
  );
}
