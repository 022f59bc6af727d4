import type { ExecutionContext } from 'ava';
import type pg from 'pg';
import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

import { DomainError } from '../../src/errors.ts';
import {
  type TenantDatabase,
  type TenantTransaction,
  withTenant,
} from '../../src/tenancy/context/with-tenant.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { openTappedPool } from '../isolation/tapped-pool.ts';

/** A world whose tenants may read the list of prepared statements and cursors, and sleep, which hardening forbids. */
export async function openDriverWorld(): Promise<World> {
  const world = await openWorld();
  await world.asOwner('grant execute on function pg_catalog.pg_prepared_statement() to public');
  await world.asOwner('grant execute on function pg_catalog.pg_cursor() to public');
  await world.asOwner('grant execute on function pg_catalog.pg_sleep(double precision) to public');
  return world;
}

type InsideOptions = Readonly<{
  rewrite?: (text: string) => string;
  readOnly?: boolean;
  statementTimeout?: number;
  isPreparing?: false;
}>;

/** Returns a function that runs `work` in acme, on a pool of its own with one connection. */
export const insideOf =
  (world: () => World) =>
  async (
    t: ExecutionContext,
    options: InsideOptions = {},
  ): Promise<{
    run: <T>(work: (tx: TenantTransaction) => Promise<T>) => Promise<T>;
    clients: readonly pg.Client[];
    pool: DatabasePool;
  }> => {
    const { pool, clients } = await openTappedPool(world(), {
      ...(options.rewrite ? { rewrite: options.rewrite } : {}),
      ...(options.isPreparing === false ? { preparedStatements: undefined } : {}),
    });
    t.teardown(() => pool.end());
    const tenantDatabase: TenantDatabase = {
      ...world().tenantDatabase,
      poolOf: () => pool,
      statementTimeout: options.statementTimeout ?? 30_000,
    };
    return {
      pool,
      clients,
      run: (work) =>
        withTenant(tenantDatabase, { tenant: world().acme.id, readOnly: options.readOnly ?? false }, work),
    };
  };

/** Returns a function that reads names of acme's notes as the owner. */
export const namesOf =
  (world: () => World) =>
  async (like: string): Promise<string[]> =>
    (
      await world().asOwner<{ name: string }>(
        'select name from acme.notes where name like $1 order by name',
        [like],
      )
    ).map(({ name }) => name);

export const add = (tx: TenantTransaction, name: string) =>
  tx.query(sql.unsafe`insert into notes (name) values (${name})`);

export const pid = (tx: TenantTransaction): Promise<number> =>
  tx.oneFirst(sql.type(z.object({ pid: z.number() }))`select pg_backend_pid() as pid`);

export const refused = { instanceOf: DomainError, code: 'statement_refused' } as never;
export const aborted = { instanceOf: DomainError, code: 'transaction_aborted' } as never;
