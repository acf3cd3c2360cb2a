import * as React from 'react';
import type { Host } from '../host';
import { useCell } from '../state/cell';
import type { ChatModel } from '../state/model';
import { ChatContext, HostContext } from './context';
import { ChatList } from './ChatList';
import { Announcer } from './Announcer';
import { Composer } from './Composer';
import { Header } from './Header';
import { onMessageKey } from './message-keys';
import { Messages } from './Messages';
import { Strip } from './Strip';

/** The chat itself: the same in JupyterLab, in a widget and on the page. */
export function ChatApp({ model, host }: { model: ChatModel; host: Host }): React.ReactElement {
  const { trans } = host;
  const chatting = React.useMemo(() => ({ model, host }), [model, host]);
  const shown = useShown(model);
  const [listOpen, setListOpen] = React.useState(false);
  const root = React.useRef<HTMLElement>(null);
  const focusComposer = (): void =>
    root.current?.querySelector<HTMLTextAreaElement>('.aichat-composer textarea')?.focus();
  const onKeyDown = (event: React.KeyboardEvent<HTMLElement>): void => {
    if (event.defaultPrevented) {
      return;
    }
    const mod = event.ctrlKey || event.metaKey;
    if (event.key === 'Escape') {
      onEscape();
    } else if (event.key === 'k' && mod && !event.shiftKey && !event.altKey && !host.compact) {
      setListOpen(true);
      root.current?.querySelector<HTMLElement>('.aichat-search input')?.focus();
    } else if (!onMessageKey(event)) {
      return;
    }
    event.preventDefault();
  };
  const onEscape = (): void => {
    const running = model.running();
    if (running) {
      model.stop(running.id);
    } else if (listOpen) {
      setListOpen(false);
      focusComposer();
    } else {
      host.leave?.();
    }
  };
  const openChat = (id: string | null): void => {
    setListOpen(false);
    void model.openChat(id).then(focusComposer);
    focusComposer();
  };
  return (
    <ChatContext.Provider value={chatting}>
      <HostContext.Provider value={host}>
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
            <Messages key={shown} />
            <Announcer />
            <Composer />
          </div>
        </section>
      </HostContext.Provider>
    </ChatContext.Provider>
  );
}

/** A number for the shown chat. A new chat keeps its own when it gets an id, so that nothing is built anew under the reader. */
function useShown(model: ChatModel): number {
  const { chatId } = useCell(model.current);
  const shown = React.useRef({ chatId, count: 0 });
  if (chatId !== shown.current.chatId) {
    const begun = shown.current.chatId === null && model.current.get().path.length > 0;
    shown.current = { chatId, count: shown.current.count + (begun ? 0 : 1) };
  }
  return shown.current.count;
}
