import * as React from 'react';
import { useCell } from '../../ui/state/cell';
import { ChatModel } from '../../ui/state/model';
import type { MeReply } from '../../ui/protocol.generated';
import { useService } from '../context';
import { SessionTransport } from '../identity/transport';
import { keepFor } from '../kept';
import type { Place } from '../places';
import { Chat } from './Chat';
import { Unknown } from './Plain';

const Settings = React.lazy(() => import('./settings/Settings'));
const Admin = React.lazy(() => import('./admin/Admin'));

/** What a person who is logged in sees. The chat goes on behind the settings. */
export function Inside({ me }: { me: MeReply }): React.ReactElement {
  const service = useService();
  const place = useCell(service.router.place);
  const [model, setModel] = React.useState<ChatModel | null>(null);
  const { owner_id: owner } = me;
  React.useEffect(() => {
    keepFor(owner);
    const made = begin(service);
    setModel(made);
    return () => made.dispose();
  }, [service, owner]);
  if (!model) {
    return <div className="aichat" />;
  }
  return <React.Suspense fallback={<div className="aichat" />}>{viewOf(place, me, model)}</React.Suspense>;
}

function viewOf(place: Place, me: MeReply, model: ChatModel): React.ReactElement {
  const back: Place = { view: 'chat', chatId: model.current.get().chatId };
  switch (place.view) {
    case 'chat':
      return <Chat me={me} model={model} chatId={place.chatId} />;
    case 'settings':
      return <Settings me={me} part={place.part} back={back} />;
    case 'admin':
      return me.scopes.includes('admin') ? <Admin me={me} part={place.part} back={back} /> : <Unknown />;
    default:
      return <Unknown />;
  }
}

/** The chats of whoever is logged in; the address follows the chat that is open. */
function begin({ session, router, url }: ReturnType<typeof useService>): ChatModel {
  const place = router.place.get();
  const model = new ChatModel(new SessionTransport(session, url), {
    chatId: place.view === 'chat' ? place.chatId : null,
    onChatId: chatId => {
      const now = router.place.get();
      if (now.view === 'chat' && now.chatId !== chatId) {
        router.go({ view: 'chat', chatId });
      }
    }
  });
  model.connection.subscribe(() => {
    const { state, why } = model.connection.get();
    if (state === 'refused' && why === 'forbidden') {
      session.end('revoked');
    }
  });
  model.start();
  return model;
}
