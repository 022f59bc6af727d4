import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tablesOf } from '../../../src/tenancy/registry/project.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { insertVariedRows, installVariedTables } from './varied-tables.ts';

export const TABLES = tablesOf(servedProject);

export type RestoreRequest = {
  file?: string | undefined;
  schema?: string;
  domains?: readonly string[];
  asCopy?: boolean;
};

/** An installation whose tenant `zoo` has varied rows, and a folder for its dumps. */
type Zoo = Readonly<{ world: World; folder: string; close: () => Promise<void> }>;

/** A dump of the tenant `zoo`, and a second installation, `elsewhere`. */
export type DumpFixture = Zoo &
  Readonly<{
    elsewhere: World;
    dumpFile: string;
    restore: (where: World, request?: RestoreRequest) => ReturnType<typeof restoreTenant>;
  }>;

export async function openZoo(): Promise<Zoo> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-dump-'));
  const world = await openWorld({ project: servedProject });
  await installVariedTables(world);
  await world.provision('zoo');
  await insertVariedRows(world, 'zoo');
  return {
    world,
    folder,
    close: async () => {
      await world.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function openDumpFixture(): Promise<DumpFixture> {
  const zoo = await openZoo();
  const { world, folder } = zoo;
  const elsewhere = await openWorld({ project: servedProject });
  await installVariedTables(elsewhere);
  const dumpFile = join(folder, 'zoo.tenant');
  await dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file: dumpFile,
    overwrite: false,
    declarations: TABLES,
  });
  return {
    world,
    elsewhere,
    folder,
    dumpFile,
    restore: (where, { file = dumpFile, schema, domains = [], asCopy = false } = {}) =>
      restoreTenant(
        where.owner,
        { name: 'main', owner: where.owner, service: where.service },
        {
          project: world.fleet.project,
          file,
          schema: schema === undefined ? null : parseSchemaName(schema),
          domains: domains.map(parseDomainName),
          asCopy,
          declarations: TABLES,
        },
      ),
    close: async () => {
      await elsewhere.close();
      await zoo.close();
    },
  };
}
