import { type JupyterFrontEnd } from '@jupyterlab/application';
import { type ICommandPalette } from '@jupyterlab/apputils';
import { type TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ChatModel } from '../ui/state/model';
import { chatIcon, type ChatPanel } from './panel';

interface Parts {
  app: JupyterFrontEnd;
  widget: ChatPanel;
  model: ChatModel;
  palette: ICommandPalette | null;
  trans: TranslationBundle;
}

export const OPEN = 'jupyter-aichat:open';
export const NEW = 'jupyter-aichat:new';
export const SWITCH = 'jupyter-aichat:switch';

/** Commands, in the palette too; their keys stand in schema/panel.json. */
export function addCommands({ app, widget, model, palette, trans }: Parts): void {
  const open = (): void => app.shell.activateById(widget.id);
  app.commands.addCommand(OPEN, { label: trans.__('Open Chat'), icon: chatIcon, execute: open });
  app.commands.addCommand(NEW, {
    label: trans.__('New Chat'),
    icon: chatIcon,
    execute: () => {
      model.newChat();
      open();
    }
  });
  app.commands.addCommand(SWITCH, {
    label: trans.__('Switch between Chat and Notebook'),
    execute: () => {
      if (widget.hasFocus) {
        app.shell.currentWidget?.activate();
      } else {
        open();
      }
    }
  });
  widget.onKey = event => {
    if (isKeyOf(app.commands, SWITCH, event)) {
      event.preventDefault();
      void app.commands.execute(SWITCH);
    }
  };
  for (const command of [OPEN, NEW, SWITCH]) {
    palette?.addItem({ command, category: trans.__('Chat') });
  }
}

/** Whether a key is a command's, as the person has set it. */
function isKeyOf(commands: CommandRegistry, command: string, event: KeyboardEvent): boolean {
  const stroke = CommandRegistry.keystrokeForKeydownEvent(event);
  return commands.keyBindings.some(
    each => each.command === command && each.keys.length === 1 && each.keys[0] === stroke
  );
}
