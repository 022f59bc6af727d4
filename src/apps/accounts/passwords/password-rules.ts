import { lazyModule } from '../../../lazy-modules.ts';

const SHORTEST = 8;
/** Maximum similarity, as in Django. */
const MAX_SIMILARITY = 0.7;

/** The user's own data that a password is compared with. */
export type Personal = Readonly<{ username: string; email: string; first_name: string; last_name: string }>;

const NAMES: Readonly<Record<keyof Personal, string>> = {
  username: 'username',
  first_name: 'first name',
  last_name: 'last name',
  email: 'email address',
};

/** Returns Python's SequenceMatcher.quick_ratio(): the share of common characters, in any order. */
function similarity(a: string, b: string): number {
  const counts = new Map<string, number>();
  for (const character of b) {
    counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  let matches = 0;
  for (const character of a) {
    const left = counts.get(character) ?? 0;
    if (left > 0) {
      matches += 1;
      counts.set(character, left - 1);
    }
  }
  const total = a.length + b.length;
  return total === 0 ? 1 : (2 * matches) / total;
}

function isLike(password: string, value: string): boolean {
  const lower = value.toLowerCase();
  return [...lower.split(/[^\p{L}\p{N}_]+/u), lower]
    .filter((part) => part !== '' && password.length < 10 * part.length)
    .some((part) => similarity(password, part) >= MAX_SIMILARITY);
}

/** Commands that check no new password do not need the list. */
const loadCommonPasswords = lazyModule(() => import('./common-passwords.ts'));

/** Returns the messages of Django's four validators for a new password. An empty list means that it is valid. */
export async function passwordFaults(password: string, personal: Personal): Promise<readonly string[]> {
  const { COMMON_PASSWORDS } = await loadCommonPasswords();
  const lower = password.toLowerCase();
  const faults = (Object.keys(NAMES) as Array<keyof Personal>)
    .filter((name) => isLike(lower, personal[name]))
    .slice(0, 1)
    .map((name) => `The password is too similar to the ${NAMES[name]}.`);
  if ([...password].length < SHORTEST) {
    faults.push(`This password is too short. It must contain at least ${SHORTEST} characters.`);
  }
  if (COMMON_PASSWORDS.has(lower.trim())) {
    faults.push('This password is too common.');
  }
  if (/^\p{Nd}+$/u.test(password)) {
    faults.push('This password is entirely numeric.');
  }
  return faults;
}
