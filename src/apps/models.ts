import type { Model } from '../tenancy/fixtures/model.ts';
import { storedPasswordFault } from './accounts/passwords/stored-password.ts';

/** What fixtures may hold, one line a model: what is referred to stands before what refers to it. */
export const MODELS: readonly Model[] = [
  // What a password opened ends when a fixture replaces it, as after any other change of it.
  {
    model: 'accounts.user',
    table: 'users',
    checks: { password: storedPasswordFault },
    raisedBy: { token_version: 'password' },
    ends: { when: 'password', rows: { sessions: 'user_id' } },
  },
  { model: 'projects.project', table: 'projects' },
];
