import { OperatorError } from '../../errors.ts';
import type { CliDeps } from './command.ts';

/**
 * Requires the user to type the schema's name before an irreversible change.
 *
 * @throws OperatorError `usage_invalid` when the input differs
 */
export async function confirmSchema(
  { ask }: Pick<CliDeps, 'ask'>,
  schema: string,
  what: string,
): Promise<void> {
  const typed = await ask(`${what} Type the schema name to continue: `);
  if (typed.trim() !== schema) {
    throw new OperatorError(
      'usage_invalid',
      `Not confirmed. Nothing was changed. Type "${schema}", or use --yes.`,
    );
  }
}
