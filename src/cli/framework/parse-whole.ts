import { InvalidArgumentError } from 'commander';

/** An option's whole number from `min` to `max`; anything else is wrong usage. */
export const parseWhole =
  (min: number, max = 1_000_000) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Not a whole number from ${min} to ${max}.`);
    }
    return value;
  };
