import type { FormTokens } from '../../../http/html/form-tokens.ts';
import type { Handler } from '../../../http/state.ts';
import type { AccountDependencies } from '../dependencies.ts';

/** The dependencies of the pages of accounts. */
export type PageDependencies = AccountDependencies & Readonly<{ forms: FormTokens }>;

/** The handlers of one page. `values` are those of the path. */
export type PageHandlers = Readonly<{ GET: Handler; POST?: Handler }>;

export const HOME = '/account';
export const LOGIN = '/login';
export const RESET = '/password/reset';
export const ACTIVATE = '/activate';
export const RENAME = '/username/reset';
