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

/**
 * A name to log in with: Django's rule, in Unicode's compatibility form, so that
 * full-width letters are plain ones. Letters of two scripts are refused: a
 * Cyrillic а among Latin letters is somebody else's name.
 */
export const username = () =>
  text().transform((given, context) => {
    const name = given.normalize('NFKC');
    if ([...name].length > 150) {
      return fail(context, 'Ensure this field has no more than 150 characters.');
    }
    if (!/^[\p{L}\p{N}_.@+-]+$/u.test(name)) {
      return fail(context, INVALID_USERNAME);
    }
    return isOneScript(name)
      ? name
      : fail(context, 'Enter a valid username. Its letters belong to more than one script.');
  });

const address = z.email();
/** Printed on terminals and in the headers of mail. As the constraint users__text_form. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** An e-mail address; the host in lower case, as Django keeps it. */
export const email = ({ blank = false }: { blank?: boolean } = {}) =>
  text({ max: 254, blank }).transform((given, context) => {
    if (given === '') {
      return given;
    }
    const at = given.lastIndexOf('@');
    return address.safeParse(given).success && !CONTROL.test(given)
      ? `${given.slice(0, at)}${given.slice(at).toLowerCase()}`
      : fail(context, 'Enter a valid email address.');
  });

/** Characters. Far more than anybody types, and little enough to hash. */
const LONGEST_PASSWORD = 4_096;

export const password = () => text({ trim: false, max: LONGEST_PASSWORD });
