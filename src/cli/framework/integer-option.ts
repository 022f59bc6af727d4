import { InvalidArgumentError } from 'commander';

/** Returns a parser for an option with an integer from `min` to `max`. Other values are a usage error. */
export const integerOption =
  (min: number, max = 1_000_000) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
