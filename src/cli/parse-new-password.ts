import { DomainError } from '../errors.ts';

/** A password that an operator chooses for somebody. @throws DomainError `usage_invalid` */
export function parseNewPassword(text: string): string {
  if (text.length < 8) {
    throw new DomainError('usage_invalid', 'The password has fewer than 8 characters.');
  }
  return text;
}
