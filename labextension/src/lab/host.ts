import { type ServerConnection } from '@jupyterlab/services';
import { URLExt } from '@jupyterlab/coreutils';
import { HttpTransport } from '../ui/client/http';

const API = 'api/aichat/v1';

/** The server that JupyterLab talks to, with its login. */
export function labTransport(settings: ServerConnection.ISettings): HttpTransport {
  const url = URLExt.join(settings.baseUrl, API);
  return new HttpTransport({
    url,
    headers: () => credentials(settings),
    socketUrl: () => {
      const socket = URLExt.join(settings.wsUrl, API, 'ws');
      return settings.token ? `${socket}?token=${encodeURIComponent(settings.token)}` : socket;
    }
  });
}

function credentials(settings: ServerConnection.ISettings): Record<string, string> {
  const xsrf = /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1];
  return {
    ...(settings.token ? { Authorization: `token ${settings.token}` } : {}),
    ...(xsrf ? { 'X-XSRFToken': decodeURIComponent(xsrf) } : {})
  };
}
