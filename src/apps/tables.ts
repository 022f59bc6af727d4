import { modelsOf, type TableDeclarations } from '../tenancy/registry/table-declarations.ts';
import { storedPasswordFault } from './accounts/passwords/stored-password.ts';

/** The tables of the apps that fixtures, dumps and copies treat in a way of their own. */
export const TABLES: TableDeclarations = {
  // A fixture that replaces a password ends what it opened, as every other change of it does.
  users: {
    model: 'accounts.user',
    checks: { password: storedPasswordFault },
    raisedBy: { token_version: 'password' },
    ends: { when: 'password', rows: { sessions: 'user_id' } },
  },
  projects: { model: 'projects.project' },
  sessions: { dump: 'never' },
  refresh_tokens: { dump: 'never' },
  outbox: { dump: 'never' },
  audit_events: { dump: 'original' },
};

export const MODELS = modelsOf(TABLES);
