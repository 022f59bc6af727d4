import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { connectionTo } from '../../db/admin/connection-config.ts';
import { DomainError, OperatorError } from '../../errors.ts';
import { recordEvent } from '../../tenancy/operations/audit.ts';
import type { CliCommand, CliDeps } from './command.ts';

type Outcome = Readonly<{ outcome: 'succeeded' | 'failed'; error?: string }>;

/** Whether a command failed before it did anything: a wrong option or configuration. */
const isUsage = (error: unknown): boolean => error instanceof DomainError && error.exitCode === 2;

/**
 * Runs a command, and adds an event to the audit if the command has used the migrating login.
 *
 * @throws OperatorError `command_failed` if the command succeeded and the event could not be added
 */
export async function runAudited(
  { name, audited, run }: CliCommand<never>,
  options: Readonly<Record<string, unknown>>,
  deps: CliDeps,
  words: readonly string[],
): Promise<void> {
  const declared = audited === false ? null : audited ? audited(options as never) : {};
  if (declared === null) {
    return run(options as never, deps, words);
  }
  let usedUrl: string | null = null;
  const observed: CliDeps = {
    ...deps,
    ownerUrl: async () => {
      usedUrl = await deps.ownerUrl();
      return usedUrl;
    },
  };
  const record = async (outcome: Outcome): Promise<void> => {
    if (usedUrl !== null) {
      const schema = typeof options.schema === 'string' ? options.schema : null;
      await withAdminConnection(connectionTo(usedUrl), (client) =>
        recordEvent(client, { action: name, schema, after: { ...declared, ...outcome } }),
      );
    }
  };
  try {
    await run(options as never, observed, words);
  } catch (error) {
    if (!isUsage(error)) {
      const code = error instanceof DomainError ? error.code : 'internal_error';
      // The first error is the one that the command ends with.
      await record({ outcome: 'failed', error: code }).catch((unrecorded: Error) =>
        deps.note(`The failure of ${name} was not added to the audit: ${unrecorded.message}`),
      );
    }
    throw error;
  }
  await record({ outcome: 'succeeded' }).catch((error: Error) => {
    throw new OperatorError(
      'command_failed',
      `${name} succeeded, but the audit could not be written: ${error.message}.`,
      { cause: error },
    );
  });
}
