import { type JupyterFrontEnd } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';
import { type IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { type INotebookTracker } from '@jupyterlab/notebook';
import { type Contents, ServerConnection } from '@jupyterlab/services';
import { type TranslationBundle } from '@jupyterlab/translation';
import type { Host } from '../ui/host';

const MOST_TRIED = 100;

/** Saves files where the person works: in the folder of the file browser, else beside the open notebook; and opens them. */
export function savePlace(
  app: JupyterFrontEnd,
  browser: IDefaultFileBrowser | null,
  notebooks: INotebookTracker | null,
  trans: TranslationBundle
): Host['place'] {
  const { contents } = app.serviceManager;
  const folder = (): string => browser?.model.path ?? PathExt.dirname(notebooks?.currentWidget?.context.path ?? '');
  return {
    label: () => trans.__('Save to “%1”', folder() || '/'),
    save: async (data, name) => {
      const path = await freePath(contents, folder(), name);
      const text = await data.text();
      await contents.save(
        path,
        name.endsWith('.ipynb')
          ? { type: 'notebook', format: 'json', content: JSON.parse(text) }
          : { type: 'file', format: 'text', content: text }
      );
      await app.commands.execute('docmanager:open', { path });
    }
  };
}

/** A path that nothing has yet. */
async function freePath(contents: Contents.IManager, folder: string, name: string): Promise<string> {
  const suffix = PathExt.extname(name);
  const stem = PathExt.basename(name, suffix);
  for (let count = 1; count <= MOST_TRIED; count++) {
    const path = contents.localPath(PathExt.join(folder, count === 1 ? name : `${stem}-${count}${suffix}`));
    if (!(await exists(contents, path))) {
      return path;
    }
  }
  throw new Error(`${name}: ${MOST_TRIED}`);
}

async function exists(contents: Contents.IManager, path: string): Promise<boolean> {
  try {
    await contents.get(path, { content: false });
    return true;
  } catch (error) {
    if (error instanceof ServerConnection.ResponseError && error.response.status === 404) {
      return false;
    }
    throw error;
  }
}
