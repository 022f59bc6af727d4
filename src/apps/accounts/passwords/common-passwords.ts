import { dictionary } from '@zxcvbn-ts/language-common';

import { DJANGO_COMMON_PASSWORDS } from './django-common-passwords.ts';

/** Passwords that are rejected as too common: Django's list, and a longer one. */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set([
  ...dictionary['passwords-common'],
  ...DJANGO_COMMON_PASSWORDS.trim().split('\n'),
]);
