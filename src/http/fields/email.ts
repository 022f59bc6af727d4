import { isIP } from 'node:net';
import type { z } from 'zod';

import type { Field } from './field.ts';
import { checkedText } from './text.ts';

/** Characters that neither mail headers nor terminals accept. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

const ATOM = "[-!#$%&'*+/=?^_`{}|~0-9a-z]+";
const DOT_ATOM = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`, 'i');
// Django also accepts control characters between quotes, and the letters \u017f and \u212a for s and k. They do
// not belong in a mail header and would make two names look alike.
const QUOTED = /^"(?:[!#-[\]-~]|\\[ -~])*"$/;

const LETTER = 'a-z0-9\u00a1-\uffff';
const DOMAIN = new RegExp(
  `^[${LETTER}](?:[${LETTER}-]{0,61}[${LETTER}])?` +
    `(?:\\.(?!-)[${LETTER}-]{1,63}(?<!-))*` +
    '\\.(?!-)(?:[a-z\u00a1-\uffff-]{2,63}|xn--[a-z0-9]{1,59})(?<!-)$',
  'i',
);

/** Whether Django's EmailValidator accepts an address. */
export function isEmail(address: string): boolean {
  const at = address.lastIndexOf('@');
  const [user, host] = [address.slice(0, Math.max(0, at)), address.slice(at + 1)];
  if ((!DOT_ATOM.test(user) && !QUOTED.test(user)) || CONTROL.test(host)) {
    return false;
  }
  const [, literal = ''] = /^\[([0-9a-f:.]+)\]$/i.exec(host) ?? [];
  const isDomain = DOMAIN.test(host) && !/[\u{10000}-\u{10ffff}]/u.test(host);
  return host === 'localhost' || isDomain || isIP(literal) !== 0;
}

const INVALID = 'Enter a valid email address.';

/** Maximum characters, as in Django's EmailField. */
const MAX_EMAIL = 254;

/** Creates an EmailField with Django's rules. Default of `max`: 254 characters. */
export const email = ({
  max = MAX_EMAIL,
  blank = false,
}: Readonly<{ max?: number; blank?: boolean }> = {}): Field<z.ZodString> =>
  checkedText({ max, blank }, { format: 'email' }, (given) => (isEmail(given) ? null : INVALID), INVALID);
