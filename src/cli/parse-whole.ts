import { DomainError } from '../errors.ts';

/** The whole number of an option. @throws DomainError `usage_invalid` */
export function parseWhole(option: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new DomainError(
      'usage_invalid',
      `"${text}" will not do: ${option} is a whole number from ${min} to ${max}.`,
    );
  }
  return number;
}
