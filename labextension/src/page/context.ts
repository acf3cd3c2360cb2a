import * as React from 'react';
import type { Trans } from '../ui/i18n';
import type { AccountsApi } from './api/accounts';
import type { Hub } from './identity/hub';
import type { Session } from './identity/session';
import type { Router } from './router';
import type { ThemeChoice } from './theme';

/** What every view of the page may use. */
export interface Service {
  /** Ends with `api/aichat/v1`. */
  url: string;
  /** Where people log in at a JupyterHub, and accounts, passwords and tokens are its matter; else null. */
  hub: Hub | null;
  session: Session;
  router: Router;
  accounts: AccountsApi;
  theme: ThemeChoice;
  trans: Trans;
}

export const ServiceContext = React.createContext<Service | null>(null);

export function useService(): Service {
  const value = React.useContext(ServiceContext);
  if (!value) {
    throw new Error('a view stands outside the page');
  }
  return value;
}
