import { Clipboard, Notification } from '@jupyterlab/apputils';
import { type IEditorTracker } from '@jupyterlab/fileeditor';
import { NotebookActions, type INotebookTracker } from '@jupyterlab/notebook';
import { type TranslationBundle } from '@jupyterlab/translation';

/** Puts code below the active cell, or at the cursor of the open file; where there is neither it is copied. */
export function insertCode(
  code: string,
  notebooks: INotebookTracker | null,
  editors: IEditorTracker | null,
  trans: TranslationBundle
): void {
  const panel = notebooks?.currentWidget;
  if (panel?.isVisible) {
    const { content } = panel;
    NotebookActions.insertBelow(content);
    content.activeCell?.model.sharedModel.setSource(code.replace(/\n$/, ''));
    content.activate();
    return;
  }
  const editor = editors?.currentWidget;
  if (editor?.isVisible) {
    editor.content.editor.replaceSelection?.(code);
    editor.content.activate();
    return;
  }
  Clipboard.copyToSystem(code);
  Notification.info(trans.__('No notebook is open, so the code was copied.'), { autoClose: 3000 });
}
