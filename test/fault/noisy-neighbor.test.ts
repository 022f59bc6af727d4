import test from 'ava';
import pg from 'pg';

import { createAttackTables } from '../../src/attacks/context.ts';
import { shardOf } from '../../src/tenancy/context/pool-shards.ts';
import { makeUser, PASSWORD, serve, until } from '../helpers/server.ts';
import type { Member } from '../helpers/world.ts';
import { LIST_PATH } from '../isolation/attacked-project.ts';
import { serveTestApp } from '../isolation/test-app.ts';
import { openWorldWithUsers } from './own-process.ts';

const LANES = 2;
const LIST = `${LIST_PATH}/`;

test('serves tenants of other pool shards while one tenant uses its whole shard, and limits the wait in that shard', async (t) => {
  const world = await openWorldWithUsers();
  const service = await serve(world, {
    LANES: String(LANES),
    POOL_SIZE: '4',
    POOL_TIMEOUT: '2000',
    // The default does not let one tenant use all connections of a lane. This setting does.
    TENANT_CONCURRENCY: '2',
    // Longer than any test: connections become free only when the lock is released.
    STATEMENT_TIMEOUT: '600000',
  });
  const lock = new pg.Client(world.owner);
  await lock.connect();
  t.teardown(async () => {
    await lock.end();
    await service.close();
    await world.close();
  });
  const lane = shardOf(world.acme.id, LANES);
  const find = async (sharesShard: boolean): Promise<Member> => {
    for (let n = 0; ; n += 1) {
      const member = await world.provision(`${sharesShard ? 'same' : 'other'}_shard_${n}`);
      if ((shardOf(member.id, LANES) === lane) === sharesShard) {
        await makeUser(world, member.schema, 'mary');
        return member;
      }
    }
  };
  const neighbor = await find(true);
  const other = await find(false);
  const flooder = await service.logIn(world.acme.host, 'alice', PASSWORD);
  const mary = await service.logIn(neighbor.host, 'mary', PASSWORD);
  const olive = await service.logIn(other.host, 'mary', PASSWORD);
  const notes = ({ host }: Member, token: string) => service.request(host, 'GET', '/api/notes/', { token });

  await lock.query('begin');
  await lock.query('lock table acme.notes in access exclusive mode');
  const flood = Array.from({ length: 20 }, () => notes(world.acme, flooder));
  const waiting = await until(
    () =>
      world.asOwner(`select pid from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`, [
        world.service,
      ]),
    (found) => found.length === 2,
  );
  t.is(waiting.length, 2);

  for (let round = 0; round < 3; round += 1) {
    const [sameLane, elsewhere, unknown] = await Promise.all([
      notes(neighbor, mary),
      notes(other, olive),
      service.request(`never-asked-${round}.localhost`, 'GET', '/api/notes/'),
    ]);
    t.deepEqual([sameLane.status, sameLane.body.code], [503, 'overloaded'], sameLane.text);
    t.regex(String(sameLane.headers['retry-after']), /^\d+$/);
    t.is(elsewhere.status, 200, elsewhere.text);
    t.is(unknown.status, 404, unknown.text);
  }
  await lock.query('rollback');
  // Requests above the limit of the tenant wait in Node, or are rejected.
  const statuses = (await Promise.all(flood)).map(({ status }) => status);
  t.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 503),
    [],
  );
  for (const answer of [await notes(neighbor, mary), await notes(world.acme, flooder)]) {
    t.is(answer.status, 200, answer.text);
  }
  t.deepEqual(service.bugs, []);
});

test('cancels a query of one minute although its session raised the timeout', async (t) => {
  const world = await openWorldWithUsers({ queryTimeout: 5_000 });
  await createAttackTables(world, [world.acme, world.globex]);
  const service = await serve(world);
  const injectable = await serveTestApp(
    { ...world, tenantDatabase: { ...world.tenantDatabase, statementTimeout: 4_000 } },
    {},
  );
  t.teardown(async () => {
    await injectable.close();
    await service.close();
    await world.close();
  });
  const alice = await service.logIn('acme.localhost', 'alice', PASSWORD);
  const hank = await service.logIn('globex.localhost', 'hank', PASSWORD);
  // A tenant of a hardened database cannot raise errors, so this one is not hardened.
  await world.asOwner('grant execute on function pg_catalog.set_config(text, text, boolean) to public');
  await world.asOwner('grant execute on function pg_catalog.pg_sleep(double precision) to public');
  const greedy = `';
    select set_config('statement_timeout', '0', false);
    select pg_sleep(60) as greedy where 'x' like '`;
  const running = () =>
    world.asOwner(
      `select pid from pg_stat_activity where usename = $1 and state = 'active' and query like '%greedy%'`,
      [world.service],
    );
  const asked = injectable.request('acme.localhost', 'POST', '/api/injectable/several/', {
    token: alice,
    body: { q: greedy },
  });
  t.is((await until(running, (found) => found.length > 0)).length, 1);
  const neighbor = await injectable.request('globex.localhost', 'GET', LIST, { token: hank });
  t.is(neighbor.status, 200);

  const { status, body, headers } = await asked;
  t.deepEqual([status, body.code], [503, 'statement_timeout']);
  t.regex(String(headers['retry-after']), /^\d+$/);
  t.deepEqual(await until(running, (found) => found.length === 0), []);
  t.is((await injectable.request('acme.localhost', 'GET', LIST, { token: alice })).status, 200);
  t.deepEqual(injectable.bugs, []);
});
