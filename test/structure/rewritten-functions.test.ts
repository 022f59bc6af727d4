import test from 'ava';
import pg from 'pg';

import { type Finding, runCheck, runChecks } from '../../src/db/checks.ts';
import { OperatorError } from '../../src/errors.ts';
import { migrate } from '../../src/tenancy/fleet/migrate.ts';
import { assertPreconditions } from '../../src/tenancy/install/preconditions.ts';
import { openWorld, type World } from '../helpers/world.ts';

let guarded: World;
let signed: World;

test.before(async () => {
  [guarded, signed] = await Promise.all([
    openWorld({ contextMode: 'guarded' }),
    openWorld({ contextMode: 'signed' }),
  ]);
});

test.after.always(async () => {
  await Promise.all([guarded?.close(), signed?.close()]);
});

const ENTER = 'tenancy.enter(uuid, bigint, text)';

/** Runs `work` in a transaction of the superuser that is rolled back. */
async function undone<T>(world: World, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.end();
  }
}

const findings = (client: pg.ClientBase, { service }: World): Promise<readonly Finding[]> =>
  runCheck(async (text) => (await client.query(text)).rows, { check: 'rewritten-functions', service });

const describe = (found: readonly Finding[]): string[] =>
  found.map(({ object, fault }) => `${object} ${fault}`);

async function functionsOf(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ identity: string }>(`
    select format('tenancy.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as identity
    from pg_proc as p
    where p.pronamespace = 'tenancy'::regnamespace
    order by 1`);
  return rows.map(({ identity }) => identity);
}

async function definitionOf(client: pg.ClientBase, identity: string): Promise<string> {
  const { rows } = await client.query<{ text: string }>(
    'select pg_get_functiondef($1::regprocedure) as text',
    [identity],
  );
  return rows[0]?.text ?? '';
}

/** The same function with another body of the same kind. */
const withAnotherBody = (definition: string): string =>
  definition
    .replace(/\n\s*RETURN [\s\S]*/, `\n RETURN 't_00000000000000000000000000000000'::text`)
    .replace(/(AS \$function\$)([\s\S]*)(\$function\$)/, '$1 /* Theirs. */ $2$3');

for (const contextMode of ['guarded', 'signed'] as const) {
  const world = (): World => (contextMode === 'guarded' ? guarded : signed);

  test.serial(`${contextMode}: reports every rewritten function of tenancy`, async (t) => {
    await undone(world(), async (client) => {
      const all = await functionsOf(client);
      t.true(all.length >= 24);
      for (const identity of all) {
        await client.query('savepoint whole');
        await client.query(withAnotherBody(await definitionOf(client, identity)));
        const found = await findings(client, world());
        const others = identity === 'tenancy.current_tenant()' ? ['tenancy.set_context(text)'] : [];
        t.true(
          describe(found).includes(`function ${identity} differs from that of this release`),
          `${identity}: ${describe(found)}`,
        );
        t.true(found.length <= 1 + others.length, describe(found).join());
        t.is(found[0]?.remedy, 'tenants migrate --reinstall');
        await client.query('rollback to savepoint whole');
      }
      t.deepEqual(describe(await findings(client, world())), []);
    });
  });
}

test.serial('reports an enter function that requires no proof, and the service does not start', async (t) => {
  await undone(guarded, async (client) => {
    await client.query(
      (await definitionOf(client, ENTER)).replace(
        /if \(v_mac = [\s\S]*?is not true then/,
        'if (true) is not true then',
      ),
    );
    const query = async (text: string) => (await client.query(text)).rows;
    const all = await runChecks(query, { service: guarded.service });
    t.deepEqual(describe(all), [`function ${ENTER} differs from that of this release`]);
    await t.throwsAsync(assertPreconditions({ query, service: guarded.service, allowUnhardened: true }), {
      instanceOf: OperatorError,
      code: 'precondition_failed',
      message: /function tenancy\.enter\(uuid, bigint, text\) differs from.*Fix: tenants migrate --reinstall/,
    });
  });
});

for (const [what, change] of [
  ['SECURITY INVOKER', `alter function ${ENTER} security invoker`],
  ['another search_path', `alter function ${ENTER} set search_path = public, pg_catalog, pg_temp`],
  ['an additional setting', `alter function ${ENTER} set row_security = off`],
  ['a removed setting', `alter function tenancy.mac(text, text, text) reset search_path`],
  ['volatility IMMUTABLE', 'alter function tenancy.current_tenant() immutable'],
  ['STRICT null handling', `alter function ${ENTER} strict`],
  ['LEAKPROOF', 'alter function tenancy.current_tenant() leakproof'],
  ['PARALLEL SAFE', `alter function ${ENTER} parallel safe`],
  ['another cost', 'alter function tenancy.current_tenant() cost 100000'],
  [
    'only another language',
    `create or replace function tenancy.mac(p_purpose text, p_id text, p_message text) returns bytea
     language plpgsql stable set search_path = pg_catalog, pg_temp as 'begin return null; end'`,
  ],
  [
    'a default for the proof',
    `create or replace function tenancy.enter_owner(p_schema text default 'globex') returns text
     language plpgsql security definer set search_path = pg_catalog, pg_temp as 'begin return null; end'`,
  ],
  [
    'the body of another context mode',
    `create or replace function tenancy.current_tenant() returns text
     language sql stable return current_setting('tenancy.context')`,
  ],
  [
    'a body with the same text that means another function',
    `create function public.current_setting(text) returns text language sql return 't_0';
     set local search_path = public, pg_catalog;
     create or replace function tenancy.current_tenant() returns text
     language sql stable return current_setting('backtrace_functions')`,
  ],
] as const) {
  test.serial(`reports a function of tenancy with ${what}`, async (t) => {
    await undone(guarded, async (client) => {
      await client.query(change);
      const found = await findings(client, guarded);
      t.true(found.length > 0);
      t.true(
        found.every(({ fault }) => fault === 'differs from that of this release'),
        describe(found).join(),
      );
    });
  });
}

test.serial('reports a context mode with functions of both kinds', async (t) => {
  const setContext = await undone(signed, (client) => definitionOf(client, 'tenancy.set_context(text)'));
  await undone(guarded, async (client) => {
    await client.query(setContext);
    t.deepEqual(describe(await findings(client, guarded)), [
      'function tenancy.set_context(text) differs from that of this release',
    ]);
  });
});

test.serial('a reinstall restores rewritten functions and their privileges', async (t) => {
  const world = await openWorld({ contextMode: 'signed' });
  t.teardown(() => world.close());
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    for (const identity of await functionsOf(client)) {
      await client.query(withAnotherBody(await definitionOf(client, identity)));
    }
    t.true((await findings(client, world)).length >= 24);

    await migrate(world.owner, world.fleet);
    t.true(
      (await findings(client, world)).length >= 24,
      'a run without pending migrations checks no function',
    );

    const report = await world.alone(() => migrate(world.owner, world.fleet, { reinstall: true }));
    t.true(report.installed);
    const query = async (text: string) => (await client.query(text)).rows;
    t.deepEqual(describe(await runChecks(query, { service: world.service })), []);
  } finally {
    await client.end();
  }
});

test.serial(
  'reports that a function with another signature must be dropped before a reinstall',
  async (t) => {
    const world = await openWorld();
    t.teardown(() => world.close());
    const reinstall = () => world.alone(() => migrate(world.owner, world.fleet, { reinstall: true }));
    await world.asOwner(`drop function ${ENTER}`);
    await world.asOwner(`
    create function tenancy.enter(p_tenant uuid, p_expires bigint, p_proof text) returns text
    language sql return 'theirs'`);
    await world.asOwner(`alter function ${ENTER} owner to tenancy_owner`);
    await t.throwsAsync(reinstall(), {
      instanceOf: OperatorError,
      code: 'precondition_failed',
      message: /cannot be replaced: cannot change return type.*DROP FUNCTION tenancy\.enter/,
    });
    await world.asOwner(`drop function ${ENTER}`);
    await undone(world, async (client) => {
      t.deepEqual(describe(await findings(client, world)), [`function ${ENTER} is missing`]);
    });
    await reinstall();
    await undone(world, async (client) => {
      const query = async (text: string) => (await client.query(text)).rows;
      t.deepEqual(describe(await runChecks(query, { service: world.service })), []);
    });
  },
);
