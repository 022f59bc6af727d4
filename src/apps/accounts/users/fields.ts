import { isIP } from 'node:net';
import { z } from 'zod';

import { text } from '../../../http/body/fields.ts';

const INVALID_USERNAME =
  'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.';

// Scripts with letters that pass for another's, and those that are written together.
const ALONE = ['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Hebrew', 'Arabic', 'Cherokee', 'Coptic', 'Lisu'];
const TOGETHER = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
];

const classOf = (scripts: readonly string[]): string =>
  `[${scripts.map((script) => `\\p{Script_Extensions=${script}}`).join('')}]`;
const ALLOWED = [...ALONE.map((script) => [script]), ...TOGETHER].map(
  (scripts) => new RegExp(`^${classOf(scripts)}*$`, 'u'),
);
const HAS_LISTED = new RegExp(classOf([...ALONE, ...TOGETHER.flat()]), 'u');

/** "Highly restrictive" of UTS 39, without its tables: one script, or those that are written together. */
function isOneScript(name: string): boolean {
  const letters = name.replaceAll(/\P{L}/gu, '');
  return ALLOWED.some((allowed) => allowed.test(letters)) || !HAS_LISTED.test(letters);
}

const fail = (context: z.RefinementCtx, message: string): typeof z.NEVER => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/** Characters. */
const MAX_USERNAME = 150;
/**
 * Characters of a name as it was sent. The compatibility form of decomposed letters
 * is up to four times as short, and to make it of an unbounded text takes quadratic time.
 */
export const MAX_SENT_NAME = 4 * MAX_USERNAME;

/**
 * A name to log in with: Django's rule, in Unicode's compatibility form, so that
 * full-width letters are plain ones. Letters of two scripts are rejected: a
 * Cyrillic а among Latin letters makes another user's name.
 */
export const username = () =>
  text({ max: MAX_SENT_NAME, stated: MAX_USERNAME }).transform((given, context) => {
    const name = given.normalize('NFKC');
    if ([...name].length > MAX_USERNAME) {
      return fail(context, `Ensure this field has no more than ${MAX_USERNAME} characters.`);
    }
    if (!/^[\p{L}\p{N}_.@+-]+$/u.test(name)) {
      return fail(context, INVALID_USERNAME);
    }
    return isOneScript(name)
      ? name
      : fail(context, 'Enter a valid username. Its letters belong to more than one script.');
  });

/** Printed on terminals and in the headers of mail. As the constraint users__text_form. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

const ATOM = "[-!#$%&'*+/=?^_`{}|~0-9a-z]+";
const DOT_ATOM = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`, 'i');
// Django takes control characters between quotes, too, and the letters \u017f and \u212a for s and k.
// They do not belong in a mail header, and would make two names look alike.
const QUOTED = /^"(?:[!#-[\]-~]|\\[ -~])*"$/;

const LETTER = 'a-z0-9\u00a1-\uffff';
const DOMAIN = new RegExp(
  `^[${LETTER}](?:[${LETTER}-]{0,61}[${LETTER}])?` +
    `(?:\\.(?!-)[${LETTER}-]{1,63}(?<!-))*` +
    '\\.(?!-)(?:[a-z\u00a1-\uffff-]{2,63}|xn--[a-z0-9]{1,59})(?<!-)$',
  'i',
);

/** Whether Django's EmailValidator takes an address. */
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

/** Characters. */
const MAX_EMAIL = 254;

/** An e-mail address; the host in lower case, as Django keeps it. */
export const email = ({ blank = false }: { blank?: boolean } = {}) =>
  text({ max: MAX_EMAIL, blank }).transform((given, context) => {
    if (given === '') {
      return given;
    }
    const at = given.lastIndexOf('@');
    return isEmail(given)
      ? `${given.slice(0, at)}${given.slice(at).toLowerCase()}`
      : fail(context, 'Enter a valid email address.');
  });

/** Characters. Far more than anybody types, and little enough to hash. */
const LONGEST_PASSWORD = 4_096;

export const password = () => text({ trim: false, max: LONGEST_PASSWORD });
