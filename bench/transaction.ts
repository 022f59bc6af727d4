/**
 * Measures the cost of the walls for a transaction:
 *   node bench/transaction.ts
 *
 * A transaction behind all walls, compared with an equal one: the same user check and the same query,
 * read-only, prepared, with the same login, through the same driver with the same session reset; but on tables
 * without a policy, with a search path that is set locally, and without a proof, a role, timeouts and a name
 * for pg_stat_activity. Both alternate in short blocks, one transaction at a time. The processor time is that
 * of this process and of the backend.
 */
import { sql } from 'slonik';
import { z } from 'zod';
import { userGuard } from '../src/apps/accounts/sessions/guards.ts';
import { Entry } from '../src/db/driver/entry.ts';
import { withTenant } from '../src/tenancy/context/with-tenant.ts';
import { servedProject as project } from '../test/fixture-app/served-project.ts';
import { openWorld, type World } from '../test/helpers/world.ts';
import { alternate } from './alternate.ts';
import { bench, type Figure } from './bench.ts';
import { processorTime } from './processor-time.ts';

const BLOCKS = 25;
const TRANSACTIONS = 100;
const FAMILY = '5f0c6f0e-6f3c-4a53-9a0b-6d0f3f5c7a11';
const row = z.object({ name: z.string() });
const selectRow = sql.type(row)`
  select name
  from notes
  where id = 1
`;
const CLAIMS = { userId: '1', version: 1, family: FAMILY, actor: null };

/** Adds one user with a session, and one note, to the tables of a schema. */
async function fill(world: World, schema: string): Promise<void> {
  await world.asOwner(`insert into ${schema}.users (id, username, password) values (1, 'ann', '!')`);
  await world.asOwner(
    `insert into ${schema}.sessions (user_id, family, expires_at) values (1, $1, now() + interval '1 day')`,
    [FAMILY],
  );
  await world.asOwner(`insert into ${schema}.notes (id, name) values (1, 'one')`);
}

/** Creates the schema `plain`: the tables of a tenant without owner, policies and triggers. */
async function createPlain(world: World): Promise<void> {
  await world.asOwner('create schema plain');
  for (const table of ['users', 'sessions', 'notes']) {
    await world.asOwner(`create table plain.${table} (like acme.${table} including all)`);
  }
  await world.asOwner(`grant usage on schema plain to ${world.service}`);
  await world.asOwner(`grant select on all tables in schema plain to ${world.service}`);
  await fill(world, 'plain');
  await world.asOwner('vacuum analyze');
}

/** Returns the milliseconds of processor time of this process and of one side's backend. */
async function used(world: World, applicationName: string): Promise<number> {
  const backends = await world.asOwner<{ pid: number }>(
    'select pid from pg_stat_activity where usename = $1 and application_name = $2',
    [world.service, applicationName],
  );
  if (backends.length !== 1) {
    throw new Error(`${applicationName} has ${backends.length} backends.`);
  }
  const times = await Promise.all(backends.map(({ pid }) => processorTime(pid)));
  const { user, system } = process.cpuUsage();
  return times.reduce((sum, time) => sum + time, (user + system) / 1000);
}

async function transactions(world: World): Promise<readonly Figure[]> {
  await fill(world, 'acme');
  await createPlain(world);
  const pool = await world.openPool({ maxPoolSize: 1, applicationName: 'bench walls' });
  const plainPool = await world.openPool({ maxPoolSize: 1, applicationName: 'bench plain' });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const guards = () => [userGuard(CLAIMS, () => {})];

  const runIsolated = async (): Promise<void> => {
    for (let at = 0; at < TRANSACTIONS; at += 1) {
      await withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true, guards: guards() }, (tx) =>
        tx.maybeOne(selectRow),
      );
    }
  };
  const setPath = {
    text: `select set_config('search_path', 'plain', true), pg_backend_pid() as pid`,
    values: [],
    verify: () => {},
    isShared: true,
    // The driver prepares statements only on a connection whose backend is its own.
    backendPid: ([row]: ReadonlyArray<Readonly<Record<string, unknown>>>) => Number(row?.pid),
  };
  const equal = async (): Promise<void> => {
    for (let at = 0; at < TRANSACTIONS; at += 1) {
      await plainPool.transaction(async (tx) => {
        // With a scope its statements are prepared, as those of a tenant are.
        const entry = new Entry([setPath, ...guards()], { readOnly: true, statementScope: 'plain' });
        await tx.query({ ...sql.unsafe`select`, values: entry } as never);
        return tx.maybeOne(selectRow);
      });
    }
  };

  const [ours = 0, theirs = 0] = await alternate(BLOCKS, runIsolated, equal);
  const cost = async (work: () => Promise<void>, applicationName: string): Promise<number> => {
    const before = await used(world, applicationName);
    for (let block = 0; block < BLOCKS; block += 1) {
      await work();
    }
    return (((await used(world, applicationName)) - before) * 1000) / (BLOCKS * TRANSACTIONS);
  };
  const [isolatedCost, plainCost] = [
    await cost(runIsolated, 'bench walls'),
    await cost(equal, 'bench plain'),
  ];
  const mode = world.contextMode;
  return [
    {
      name: `${mode}: a transaction behind the walls, against an equal one`,
      value: ours / theirs,
      unit: 'x',
      target: 2,
    },
    { name: `${mode}: a transaction behind the walls`, value: ours / TRANSACTIONS, unit: 'ms', target: null },
    { name: `${mode}: an equal transaction`, value: theirs / TRANSACTIONS, unit: 'ms', target: null },
    {
      name: `${mode}: processor time, against an equal one`,
      value: isolatedCost / plainCost,
      unit: 'x',
      target: 2,
    },
    { name: `${mode}: processor time behind the walls`, value: isolatedCost, unit: 'us', target: null },
    { name: `${mode}: processor time of an equal transaction`, value: plainCost, unit: 'us', target: null },
  ];
}

await bench(
  'transaction',
  async (world) => {
    const signed = await openWorld({ project, contextMode: 'signed' });
    try {
      return [...(await transactions(world)), ...(await transactions(signed))];
    } finally {
      await signed.close();
    }
  },
  { project },
);
process.exit();
