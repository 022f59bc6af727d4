import { z } from 'zod';

import { email as emailField } from '../../../http/fields/email.ts';
import { checkedText, text } from '../../../http/fields/text.ts';

const INVALID_USERNAME =
  'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.';

// Scripts with letters that look like those of another script, and scripts that are written together.
const SINGLE_SCRIPTS = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Cherokee',
  'Coptic',
  'Lisu',
];
const COMBINED_SCRIPTS = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
];

const classOf = (scripts: readonly string[]): string =>
  `[${scripts.map((script) => `\\p{Script_Extensions=${script}}`).join('')}]`;
const ALLOWED = [...SINGLE_SCRIPTS.map((script) => [script]), ...COMBINED_SCRIPTS].map(
  (scripts) => new RegExp(`^${classOf(scripts)}*$`, 'u'),
);
const HAS_LISTED = new RegExp(classOf([...SINGLE_SCRIPTS, ...COMBINED_SCRIPTS.flat()]), 'u');

/**
 * Whether a name is "highly restrictive" by UTS 39, without its tables: one script, or scripts
 * that are written together.
 */
function isOneScript(name: string): boolean {
  const letters = name.replaceAll(/\P{L}/gu, '');
  return ALLOWED.some((allowed) => allowed.test(letters)) || !HAS_LISTED.test(letters);
}

const fail = (context: z.RefinementCtx, message: string): typeof z.NEVER => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/** Maximum characters of a username. */
const MAX_USERNAME = 150;
/**
 * Maximum characters of a name before normalization. The compatibility form of decomposed letters
 * is up to four times shorter, and normalizing an unbounded text takes quadratic time.
 */
export const MAX_RAW_NAME = 4 * MAX_USERNAME;

/**
 * Creates the field of a username: Django's rule, in Unicode's compatibility form, so that
 * full-width letters become plain ones. Letters of two scripts are rejected: a Cyrillic а among
 * Latin letters would imitate another user's name.
 */
export const username = () =>
  checkedText({ max: MAX_RAW_NAME, stated: MAX_USERNAME, checkFirst: true }, {}, (given) =>
    /^[\p{L}\p{N}_.@+-]+$/u.test(given.normalize('NFKC')) ? null : INVALID_USERNAME,
  ).transform((given, context) => {
    const name = given.normalize('NFKC');
    if ([...name].length > MAX_USERNAME) {
      return fail(context, `Ensure this field has no more than ${MAX_USERNAME} characters.`);
    }
    return isOneScript(name)
      ? name
      : fail(context, 'Enter a valid username. Its letters belong to more than one script.');
  });

/** Creates the field of an e-mail address. The host becomes lowercase, as in Django. */
export const email = ({ blank = false }: { blank?: boolean } = {}) =>
  emailField({ blank }).transform((given) => {
    const at = given.lastIndexOf('@');
    return `${given.slice(0, at)}${given.slice(at).toLowerCase()}`;
  });

/** Maximum characters. Bounds the time of hashing. */
const MAX_PASSWORD = 4_096;

/** Creates the field of a password. Removes white space at both ends, as Django REST Framework does. */
export const password = () => text({ max: MAX_PASSWORD });
