import { createRoot } from 'react-dom/client';
import { Rest } from '../ui/client/rest';
import { makeTrans } from '../ui/i18n';
import { AccountsApi } from './api/accounts';
import { App } from './App';
import { takeHub } from './identity/hub';
import { Session } from './identity/session';
import { Router } from './router';
import { ThemeChoice } from './theme';

const root = document.baseURI; // the service's own root, as it says in <base>
const url = new URL('api/aichat/v1', root).href;
const hub = takeHub(document);
const session = new Session({ url, hub, onStranger: () => location.reload() });
const service = {
  url,
  hub,
  session,
  router: new Router(root),
  accounts: new AccountsApi(new Rest({ url, fetch: session.fetch })),
  theme: new ThemeChoice(),
  trans: makeTrans()
};

document.addEventListener('visibilitychange', () => !document.hidden && session.wake());
createRoot(document.getElementById('root')!).render(<App service={service} />);
void session.start();
