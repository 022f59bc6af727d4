import type { Model } from '../tenancy/fixtures/model.ts';
import { storedPasswordFault } from './accounts/stored-password.ts';

/** What fixtures may hold, one line a model: what is referred to stands before what refers to it. */
export const MODELS: readonly Model[] = [
  // Tokens of a password that a fixture has replaced are worth nothing, as after any other change of it.
  {
    model: 'accounts.user',
    table: 'users',
    checks: { password: storedPasswordFault },
    raisedBy: { token_version: 'password' },
  },
  { model: 'projects.project', table: 'projects' },
];
