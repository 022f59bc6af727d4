import { randomBytes } from 'node:crypto';
import type pg from 'pg';

import { withOwner } from '../../src/db/owner-client.ts';
import { readSqlFile } from '../../src/db/sql-file.ts';
import type { Fleet } from '../../src/tenancy/migrate.ts';
import type { World } from './world.ts';

/** A database, not migrated yet, and the logins that a world beside it has not. */
export type Managed = Readonly<{
  /** CREATEROLE, owner of the database and a member of both owners. */
  owner: pg.ClientConfig & Readonly<{ connectionString: string }>;
  /** Of the service's login, which the migration makes. */
  serviceUrl: string;
  fleet: Fleet;
  /** The superuser's, which the provider keeps. */
  provider: pg.ClientConfig;
  /** What docs/operations.md asks a provider for. */
  harden: () => Promise<void>;
  close: () => Promise<void>;
}>;

/** As on a managed service: a database whose migrating login is no superuser. */
export async function openManaged(world: World): Promise<Managed> {
  const suffix = randomBytes(4).toString('hex');
  const [login, service, database] = [`deploy_${suffix}`, `served_${suffix}`, `managed_${suffix}`];
  const option = world.version >= 160_000 ? 'with admin true, inherit true, set true' : 'with admin option';
  await world.alone(async () => {
    await world.asOwner(`create role ${login} login createrole password 'managed'`);
    await world.asOwner(`grant tenancy_owner, tenant_owner to ${login} ${option}`);
    await world.asOwner(`create database ${database} owner ${login}`);
  });
  const urlOf = (user?: string, password?: string): string => {
    const url = new URL(world.ownerUrl);
    url.pathname = `/${database}`;
    [url.username, url.password] = [user ?? url.username, password ?? url.password];
    return url.href;
  };
  const owner = { connectionString: urlOf(login, 'managed') };
  const provider = { connectionString: urlOf() };
  const servicePassword = 'not the same';
  return {
    owner,
    serviceUrl: urlOf(service, servicePassword),
    provider,
    harden: () =>
      world.alone(async () => {
        const text = await readSqlFile('shared/hardening.sql', { service });
        await withOwner(provider, (client) => client.query(text));
      }),
    fleet: { ...world.fleet, service, servicePassword, carrier: 'signed' },
    close: async () => {
      const roles = await withOwner(owner, async (client) => {
        const { rows } = await client.query<{ name: string }>(
          'select t.role_name as name from public.tenants as t',
        );
        return rows.map(({ name }) => name);
      });
      await world.alone(async () => {
        await world.asOwner(`drop database ${database} with (force)`);
        for (const role of [...roles, service, login]) {
          await world.asOwner(`drop owned by ${role}; drop role ${role}`);
        }
      });
    },
  };
}
