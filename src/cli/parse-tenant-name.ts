import { DomainError } from '../errors.ts';

/** A display name, trimmed. @throws DomainError `usage_invalid` */
export function parseTenantName(text: string): string {
  const name = text.trim();
  if (name === '' || [...name].length > 255) {
    throw new DomainError('usage_invalid', 'A tenant needs a --name of 1 to 255 characters.');
  }
  return name;
}
