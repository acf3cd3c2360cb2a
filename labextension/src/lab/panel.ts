import { ReactWidget } from '@jupyterlab/apputils';
import { LabIcon } from '@jupyterlab/ui-components';
import { type TranslationBundle } from '@jupyterlab/translation';
import { type Message } from '@lumino/messaging';
import * as React from 'react';
import { ChatApp } from '../ui/components/ChatApp';
import type { Host } from '../ui/host';
import type { ChatModel } from '../ui/state/model';

export const chatIcon = new LabIcon({
  name: 'jupyterlab-aichat:chat',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16"><path class="jp-icon3" fill="#616161" d="M2.5 2.5h11a1 1 0 0 1 1 1V11a1 1 0 0 1-1 1H8.2L5 14.6V12H2.5a1 1 0 0 1-1-1V3.500a1 1 0 0 1 1-1zm2 3v1.200h7V5.500zm0 2.600v1.200h5V8.100z"/></svg>'
});

/** The chat in JupyterLab's side bar. */
export class ChatPanel extends ReactWidget {
  constructor(
    private readonly model: ChatModel,
    private readonly host: Host,
    trans: TranslationBundle
  ) {
    super();
    this.id = 'jupyter-aichat-panel';
    this.addClass('jp-aichat-panel');
    this.title.icon = chatIcon;
    this.title.caption = trans.__('Chat');
  }

  /** Sees each key that is pressed in the chat; JupyterLab's own shortcuts are off there. */
  onKey: ((event: KeyboardEvent) => void) | undefined;

  protected render(): React.ReactElement {
    return React.createElement(ChatApp, { model: this.model, host: this.host });
  }

  focusComposer(): void {
    this.node.querySelector<HTMLTextAreaElement>('.aichat-composer textarea')?.focus();
  }

  get hasFocus(): boolean {
    return this.node.contains(document.activeElement);
  }

  handleEvent(event: KeyboardEvent): void {
    this.onKey?.(event);
  }

  protected onBeforeAttach(message: Message): void {
    super.onBeforeAttach(message);
    this.node.addEventListener('keydown', this);
  }

  protected onAfterDetach(message: Message): void {
    this.node.removeEventListener('keydown', this);
    super.onAfterDetach(message);
  }

  protected onActivateRequest(_message: Message): void {
    void this.renderPromise?.then(() => this.focusComposer()); // the first time there is no box yet
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.model.dispose();
      super.dispose();
    }
  }
}
