import * as React from 'react';
import type { Host } from '../host';
import { useCell } from '../state/cell';
import type { ChatModel } from '../state/model';
import { ChatContext } from './context';
import { ChatList } from './ChatList';
import { Composer } from './Composer';
import { Header } from './Header';
import { Messages } from './Messages';
import { Strip } from './Strip';

/** The chat itself: the same in JupyterLab, in a widget and on the page. */
export function ChatApp({ model, host }: { model: ChatModel; host: Host }): React.ReactElement {
  const { trans } = host;
  const chatting = React.useMemo(() => ({ model, host }), [model, host]);
  const { chatId } = useCell(model.current);
  const [listOpen, setListOpen] = React.useState(false);
  const root = React.useRef<HTMLElement>(null);
  const focusComposer = (): void => root.current?.querySelector<HTMLTextAreaElement>('.aichat-composer textarea')?.focus();
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.key !== 'Escape' || event.defaultPrevented) {
      return;
    }
    const running = model.running();
    if (running) {
      model.stop(running.id);
    } else if (listOpen) {
      setListOpen(false);
      focusComposer();
    } else {
      host.leave?.();
    }
    event.preventDefault();
  };
  const openChat = (id: string | null): void => {
    setListOpen(false);
    void model.openChat(id).then(focusComposer);
    focusComposer();
  };
  return (
    <ChatContext.Provider value={chatting}>
      <section
        ref={root}
        className="aichat"
        dir={host.dir ?? 'ltr'}
        aria-label={trans.__('Chat')}
        data-host={host.name}
        data-list={listOpen ? 'open' : 'closed'}
        data-lm-suppress-shortcuts="true"
        onKeyDown={onKeyDown}
      >
        {!host.compact && <ChatList open={listOpen} onOpen={openChat} />}
        <div className="aichat-main">
          {!host.compact && (
            <Header listOpen={listOpen} onList={() => setListOpen(!listOpen)} onNew={() => openChat(null)} />
          )}
          <Strip />
          <Messages key={chatId ?? ''} />
          <Composer />
        </div>
      </section>
    </ChatContext.Provider>
  );
}
