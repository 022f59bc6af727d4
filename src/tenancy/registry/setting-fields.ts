import { z } from 'zod';

// Every value arrives as text, as in the environment. Messages continue after the setting's name.

/** Returns the schema of an optional integer. The reader chooses the default. */
export const wholeIfGiven = (min: number, max: number) => wholeOf(min, max).optional();

export const whole = (min: number, max: number, standard: number) => wholeOf(min, max).default(standard);

function wholeOf(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  // Not by coercion: Number('') and Number(' ') are 0.
  return z
    .string({ error })
    .regex(/^\d{1,15}$/, error)
    .transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
}

export const oneOf = <const T extends string>(...names: readonly T[]) =>
  z.enum(names, { error: `must be one of ${names.join(', ')}` });

export const flag = (standard: 'true' | 'false') =>
  oneOf('true', 'false')
    .default(standard)
    .transform((text) => text === 'true');

const ORIGIN = /^https?:\/\/(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::\d{1,5})?$/;

const listOf = (text: string): readonly string[] =>
  text
    .split(/[\s,]+/)
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Origins with commas or spaces between them: scheme, host in lowercase, and the port if it is not the standard one. */
export const origins = () =>
  z
    .string()
    .default('')
    .transform((text, context): readonly string[] => {
      const list = listOf(text);
      const wrong = list.find((origin) => !ORIGIN.test(origin) || new URL(origin).origin !== origin);
      if (wrong !== undefined) {
        context.addIssue({
          code: 'custom',
          message: `has "${wrong.slice(0, 100)}", which is not an origin such as https://app.example.com: scheme and host, no path, no wildcard, no standard port`,
        });
      }
      return list;
    });

/** Origins of unrelated owners. A regular expression that matches all of them would allow every page. */
const UNRELATED = ['https://evil.example', 'https://a.test', 'https://app.example.com.evil.invalid'];

/** Maximum repetitions (`*`, `+`, `{…}`) of a pattern, and maximum choices (`?`, `|`). */
const MAX_REPETITIONS = 2;
const MAX_CHOICES = 4;

/**
 * Whether matching an origin may take more than a few million steps. V8 tries every way in which the
 * repetitions and choices of a pattern can divide the text, and every client chooses its Origin.
 */
function isSlow(source: string): boolean {
  const outline = source
    .replaceAll(/\\./g, 'x')
    .replaceAll(/\[[^\]]*\]/g, 'x')
    .replaceAll(/\(\?(?:[:=!]|<[=!]?)/g, '(');
  const count = (characters: RegExp): number => outline.match(characters)?.length ?? 0;
  return /\)[*+{]/.test(outline) || count(/[*+{]/g) > MAX_REPETITIONS || count(/[?|]/g) > MAX_CHOICES;
}

/**
 * Regular expressions of origins, with spaces between them. Each must match the whole origin. A dump may
 * contain them, so their cost is limited.
 */
export const originPatterns = () =>
  z
    .string()
    .default('')
    .transform((text, context): readonly RegExp[] => {
      const fail = (pattern: string, reason: string): readonly RegExp[] => {
        context.addIssue({ code: 'custom', message: `has "${pattern.slice(0, 100)}", which ${reason}` });
        return [];
      };
      const list: RegExp[] = [];
      for (const source of text.split(/\s+/).filter((item) => item !== '')) {
        let pattern: RegExp;
        try {
          pattern = new RegExp(`^(?:${source})$`, 'v');
        } catch {
          return fail(source, 'is not a regular expression');
        }
        if (isSlow(source)) {
          return fail(
            source,
            `may match slowly: use at most ${MAX_REPETITIONS} repetitions, none of a group, and at most ${MAX_CHOICES} of ? and |`,
          );
        }
        if (UNRELATED.every((origin) => pattern.test(origin))) {
          return fail(source, 'matches every origin');
        }
        list.push(pattern);
      }
      return list;
    });

/** Maximum number of events (`points`) in a number of seconds. */
export type Rate = Readonly<{ points: number; seconds: number }>;

const PERIODS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const RATE = /^([1-9]\d{0,8})\/(s|m|h|d|sec|min|second|minute|hour|day)$/;

/** Returns the schema of a rate in Django REST Framework's syntax. `off` is null. */
export const rate = (standard: string) =>
  z
    .string()
    .default(standard)
    .refine((text) => text === 'off' || RATE.test(text), 'must be a rate, such as 10/min or 5/hour, or off')
    .transform((text): Rate | null => {
      const [, points, period = ''] = RATE.exec(text) ?? [];
      return points ? { points: Number(points), seconds: PERIODS[period.charAt(0)] ?? 1 } : null;
    });

/** Returns the text of a rate. Rates come from `rate`, so a period always matches. */
export function rateText(given: Rate | null): string {
  const [letter] = Object.entries(PERIODS).find(([, seconds]) => seconds === given?.seconds) ?? ['s'];
  return given ? `${given.points}/${letter}` : 'off';
}
