import { DomainError } from '../../errors.ts';
import type { CliDeps } from './command.ts';

/**
 * Lets a person type the schema's name before what cannot be taken back.
 *
 * @throws DomainError `usage_invalid` when something else is typed
 */
export async function confirmSchema(
  { ask }: Pick<CliDeps, 'ask'>,
  schema: string,
  what: string,
): Promise<void> {
  const typed = await ask(`${what} Type the schema's name to go on: `);
  if (typed.trim() !== schema) {
    throw new DomainError(
      'usage_invalid',
      `Not confirmed, nothing was changed: type "${schema}", or give --yes.`,
    );
  }
}
