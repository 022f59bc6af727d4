import { activation } from './activation.ts';
import type { Case } from './case.ts';
import { cookies } from './cookies.ts';
import { forms } from './forms.ts';
import { jwtCases } from './jwt.ts';
import { loginNames } from './login-names.ts';
import { metadata } from './metadata.ts';
import { methods } from './methods.ts';
import { passwordResets } from './password-resets.ts';
import { passwords } from './passwords.ts';
import { profiles } from './profiles.ts';
import { registration } from './registration.ts';
import { sessions } from './sessions.ts';
import { throttled } from './throttled.ts';
import { tokens } from './tokens.ts';
import { users } from './users.ts';

/** All cases, a file for each group of endpoints. */
export const cases: readonly Case[] = [
  ...registration,
  ...users,
  ...profiles,
  ...activation,
  ...passwords,
  ...passwordResets,
  ...loginNames,
  ...tokens,
  ...jwtCases,
  ...sessions,
  ...cookies,
  ...methods,
  ...metadata,
  ...forms,
  ...throttled,
];
