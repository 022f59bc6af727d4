/**
 * Measures the processor time of a tenant's transaction in Node and PostgreSQL, without HTTP:
 *   node bench/driver.ts [transactions]
 */
import { sql } from 'slonik';
import { z } from 'zod';

import { querySingle } from '../src/tenancy/context/query-single.ts';
import { withTenant } from '../src/tenancy/context/with-tenant.ts';
import { servedProject } from '../test/fixture-app/served-project.ts';
import { startTestServer } from '../test/helpers/postgres.ts';
import { openWorld } from '../test/helpers/world.ts';
import { median } from './bench.ts';
import { processorTime } from './processor-time.ts';

const COUNT = Number(process.argv[2] ?? 2_000);
const ROUNDS = 5;
const PARALLEL = 8;

const server = process.env.TEST_DATABASE_URL ? null : await startTestServer();
if (server) {
  process.env.TEST_DATABASE_URL = server.url;
}
const world = await openWorld({ project: servedProject });
const row = z.object({ id: z.number(), name: z.string() });
await world.asOwner(`insert into acme.notes (name) select 'note ' || i from generate_series(1, 100) as i`);
await world.asOwner(`insert into globex.notes (name) select 'note ' || i from generate_series(1, 100) as i`);
const query = (id: number) => sql.type(row)`select id, name from notes where id = ${id}`;
const guard = {
  text: 'select tenancy.require(true, null) from (values (true)) as one (n) left join notes as n on n.id = $1',
  values: [1],
  raises: true,
  verify: () => {},
};
const unprepared = await world.openPool({ preparedStatements: undefined });
const databases = {
  unnamed: { ...world.tenantDatabase, poolOf: () => unprepared },
  named: world.tenantDatabase,
};
const VARIANTS: Record<string, (id: number) => Promise<unknown>> = Object.fromEntries(
  Object.entries(databases).flatMap(([name, tenantDatabase]) => {
    const entering = (id: number) => ({
      tenant: (id % 2 === 0 ? world.acme : world.globex).id,
      readOnly: true,
      guards: [guard],
    });
    return [
      [
        `transaction, ${name}`,
        (id: number) => withTenant(tenantDatabase, entering(id), (tx) => tx.maybeOne(query(id))),
      ],
      [
        `single, ${name}`,
        (id: number) => querySingle(tenantDatabase, { ...entering(id), admitted: ['active'] }, query(id)),
      ],
    ];
  }),
);

async function run(one: (id: number) => Promise<unknown>, count: number): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < count) {
        next += 1;
        await one((next % 50) + 1);
      }
    }),
  );
}

for (const one of Object.values(VARIANTS)) {
  await run(one, 500);
}
const backends = await world.asOwner<{ pid: number }>(`select pid from pg_stat_activity where usename = $1`, [
  world.service,
]);
const used = async (): Promise<number> =>
  (await Promise.all(backends.map(({ pid }) => processorTime(pid)))).reduce((sum, time) => sum + time, 0);

const costs: Record<string, { node: number[]; postgres: number[] }> = {};
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, one] of Object.entries(VARIANTS)) {
    const before = { node: process.cpuUsage(), postgres: await used() };
    await run(one, COUNT);
    const node = process.cpuUsage(before.node);
    const cost = costs[name] ?? { node: [], postgres: [] };
    costs[name] = cost;
    cost.node.push((node.user + node.system) / COUNT);
    cost.postgres.push((((await used()) - before.postgres) * 1000) / COUNT);
  }
}
for (const [name, { node, postgres }] of Object.entries(costs)) {
  console.log(
    `${name.padEnd(40)} Node ${median(node).toFixed(0)} us, PostgreSQL ${median(postgres).toFixed(0)} us`,
  );
}
await world.close();
await server?.stop();
