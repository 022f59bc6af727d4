import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';

import type { CliDeps } from '../cli/framework/command.ts';
import { connectionTo } from '../db/admin/connection-config.ts';
import { hasOtherClients } from '../db/admin/other-clients.ts';
import { type DomainError, OperatorError } from '../errors.ts';
import { findDataDirectory } from './embedded-postgres/find-data-directory.ts';
import { runningServer } from './embedded-postgres/running-server.ts';
import { startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.ts';

const refused = (message: string): DomainError => new OperatorError('precondition_failed', message);

/** What `make dev` keeps in the data directory. Other files in it are reports and dumps. */
const OWN_FILES = ['postgres', 'mail', 'secrets.json', 'dev.json'];

/**
 * Deletes the data of development: the embedded PostgreSQL, mail files and secrets.
 *
 * @throws OperatorError `precondition_failed` with a configured database, with NODE_ENV=production, while
 *   another command uses the data, and without the confirmation
 */
export async function resetDev({
  dataDir,
  isRoot,
  env,
  yes,
  ask,
  print,
}: Readonly<{
  dataDir: string;
  isRoot: boolean;
  env: Readonly<Record<string, string | undefined>>;
  yes: boolean;
}> &
  Pick<CliDeps, 'ask' | 'print'>): Promise<void> {
  const outside = ['DATABASE_URL', 'OWNER_DATABASE_URL'].find((name) => env[name]);
  if (outside !== undefined) {
    throw refused(
      `${outside} is set. \`make reset\` deletes only the embedded PostgreSQL of development, never a configured database.`,
    );
  }
  if (env.NODE_ENV === 'production') {
    throw refused('NODE_ENV is production. `make reset` is for development only.');
  }
  const postgresDir = path.join(dataDir, 'postgres');
  if (!OWN_FILES.some((name) => existsSync(path.join(dataDir, name)))) {
    print(`There is no development data in ${dataDir}.`);
    return;
  }
  if (
    !yes &&
    (await ask(`Delete the PostgreSQL data, mail and secrets in ${dataDir}? [y/N] `)).trim() !== 'y'
  ) {
    throw refused('Nothing was deleted. Answer y, or run `make reset YES=1`.');
  }
  const { home } = await findDataDirectory(postgresDir, isRoot, () => {});
  if (await runningServer(path.join(home, 'cluster'))) {
    const postgres = await startEmbeddedPostgres({ dataDir: postgresDir, isRoot });
    if (await hasOtherClients(connectionTo(postgres.url))) {
      throw refused('`make dev` or another command uses the data. Stop it first.');
    }
    await postgres.stop();
  }
  for (const folder of [home, ...OWN_FILES.map((name) => path.join(dataDir, name))]) {
    await rm(folder, { recursive: true, force: true });
  }
  print('The development data is deleted. `make dev` creates it again.');
}
