import { z } from 'zod';

// Everything arrives as text, as the environment has it; messages go on after the name.

/** One that may be left out: then the reader knows, and chooses. */
export const wholeIfGiven = (min: number, max: number) => wholeOf(min, max).optional();

export const whole = (min: number, max: number, standard: number) => wholeOf(min, max).default(standard);

function wholeOf(min: number, max: number) {
  const error = `is not a whole number from ${min} to ${max}`;
  // Not by coercion: to Number, nothing and a blank are 0.
  return z
    .string({ error })
    .regex(/^\d{1,15}$/, error)
    .transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
}

export const oneOf = <const T extends string>(...names: readonly T[]) =>
  z.enum(names, { error: `is not one of ${names.join(', ')}` });

export const flag = (standard: 'true' | 'false') =>
  oneOf('true', 'false')
    .default(standard)
    .transform((text) => text === 'true');

/** So many in so many seconds. */
export type Rate = Readonly<{ points: number; seconds: number }>;

const PERIODS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const RATE = /^([1-9]\d{0,8})\/(s|m|h|d|sec|min|second|minute|hour|day)$/;

/** A rate as Django REST Framework writes it; `off` is null. */
export const rate = (standard: string) =>
  z
    .string()
    .default(standard)
    .refine((text) => text === 'off' || RATE.test(text), 'is not a rate: write 10/min, 5/hour or off')
    .transform((text): Rate | null => {
      const [, points, period = ''] = RATE.exec(text) ?? [];
      return points ? { points: Number(points), seconds: PERIODS[period.charAt(0)] ?? 1 } : null;
    });

/** A rate as it is written; every one comes from `rate`, so that a period fits. */
export function rateText(given: Rate | null): string {
  const [letter] = Object.entries(PERIODS).find(([, seconds]) => seconds === given?.seconds) ?? ['s'];
  return given ? `${given.points}/${letter}` : 'off';
}
