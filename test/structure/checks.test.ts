import test from 'ava';
import pg from 'pg';

import { loginOf } from '../../src/db/admin/connection-config.ts';
import { checkNames, runCheck, runChecks } from '../../src/db/checks.ts';
import { assertRowStatement } from '../../src/db/driver/statement.ts';
import { readSqlFile } from '../../src/db/sql/sql-file.ts';
import { checkSchemas } from '../../src/tenancy/install/check-schemas.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { connected, describe, queryOf, undone } from './checks/database.ts';
import { offenders } from './checks/offenders/index.ts';

let guarded: World;
/** Each offender is created in a transaction of this connection. */
let superuser: pg.Client;

test.before(async () => {
  guarded = await openWorld({ contextMode: 'guarded' });
  superuser = new pg.Client({ connectionString: guarded.ownerUrl });
  await superuser.connect();
});

test.after.always(async () => {
  await superuser?.end();
  await guarded?.close();
});

test('every check is a single read-only statement', async (t) => {
  const files = [
    ...(await checkNames()).map((check) => [check, `checks/${check}.sql`] as const),
    ...(await checkNames('error')).map((check) => [check, `errors/${check}.sql`] as const),
    ...(await checkNames('advice')).map((check) => [check, `advice/${check}.sql`] as const),
  ];
  for (const [check, file] of files) {
    const text = await readSqlFile(file, { service: 'app' });
    t.notThrows(() => assertRowStatement(text), check);
    // Outside comments and literals there is only the final semicolon.
    const bare = text.replaceAll(/^--.*|'[^'\n]*'/gm, '');
    t.is(bare.indexOf(';'), bare.trimEnd().length - 1, check);
    t.regex(
      text,
      new RegExp(`^-- ${check}\\.sql: .*\\n(--.*\\n)*-- {3}psql "\\$OWNER_DATABASE_URL" .*${check}\\.sql\\n`),
    );
  }
});

/** A command that an operator must not run without further thought. */
const DESTRUCTIVE =
  /^(drop (?!policy)|truncate|delete|create index|alter table \S+ add|alter function .* security invoker|alter \w+ \S+ rename)|\bcascade\b/i;

for (const {
  check,
  severity = 'fault',
  what,
  plant,
  found,
  remedy: expected,
  follow,
  remedyNotRun,
  shared,
} of offenders) {
  test.serial(`${check} reports ${what}, and its remedy fixes it`, async (t) => {
    const { service } = guarded;
    const search = () => runCheck(queryOf(superuser), { check, severity, service });
    const evaluate = async (): Promise<void> => {
      await superuser.query('begin');
      try {
        await superuser.query(plant(guarded));
        const findings = await search();
        const wanted = found(guarded);
        const named = findings.filter(({ object, fault }) =>
          typeof wanted === 'string' ? `${object} ${fault}` === wanted : wanted.test(`${object} ${fault}`),
        );
        t.is(named.length, 1, `found: ${describe(findings).join(' | ')}`);
        const advised = expected?.(guarded);
        if (advised !== undefined) {
          const { remedy = '' } = named[0] ?? {};
          t.true(typeof advised === 'string' ? remedy === advised : advised.test(remedy), remedy);
        }
        if (!remedyNotRun) {
          // Several findings may have the same remedy.
          const remedies = new Set(findings.map((finding) => finding.remedy));
          for (const remedy of follow ? [follow(guarded)] : remedies) {
            // What deletes, or changes one tenant's tables, has a condition or is a migration.
            t.notRegex(remedy, follow ? /^$/ : DESTRUCTIVE, remedy);
            await t.notThrowsAsync(superuser.query(`${remedy}; reset role`), remedy);
          }
          t.deepEqual(describe(await search()), []);
        }
      } finally {
        await superuser.query('rollback');
      }
    };
    await (shared ? guarded.alone(evaluate) : evaluate());
  });
}

test('every check has an offender', async (t) => {
  const names = [...(await checkNames()), ...(await checkNames('error')), ...(await checkNames('advice'))];
  t.deepEqual([...new Set(offenders.map(({ check }) => check))].sort(), names.sort());
});

type PlanNode = Readonly<{ Filter?: string; 'Actual Loops': number; Plans?: readonly PlanNode[] }>;

const withChildren = (node: PlanNode): readonly PlanNode[] => [
  node,
  ...(node.Plans ?? []).flatMap(withChildren),
];

test('no check compares the text of an ACL more than once, also when the planner has no statistics', async (t) => {
  await undone(guarded, async (client) => {
    // Without statistics of the tables of new tenants, the planner chooses nested loops.
    await client.query('set local enable_hashjoin = off; set local enable_mergejoin = off');
    for (const check of await checkNames()) {
      const text = await readSqlFile(`checks/${check}.sql`, { service: guarded.service });
      const { rows } = await client.query(`explain (analyze, timing off, format json) ${text}`);
      const repeated = withChildren(rows[0]['QUERY PLAN'][0].Plan).filter(
        (node) => /acl\)?::text/.test(node.Filter ?? '') && node['Actual Loops'] > 1,
      );
      t.deepEqual(repeated, [], check);
    }
  });
});

test('reports no advice after a migration', async (t) => {
  await connected(guarded.ownerUrl, async (client) => {
    const findings = await runChecks(queryOf(client), { service: guarded.service, severity: 'advice' });
    // The installation closes template1, but no other database.
    const own = findings.filter(({ check }) => check !== 'other-databases');
    t.deepEqual(describe(own), []);
    t.false(findings.some(({ object }) => object === 'database template1'));
  });
});

test('reports a schema without a tenant and a tenant without a schema', async (t) => {
  await undone(guarded, async (client) => {
    t.deepEqual(await checkSchemas(client), []);
    await client.query(
      `create schema orphan authorization tenant_owner; alter schema globex rename to moved`,
    );
    t.deepEqual(describe(await checkSchemas(client)), [
      'tenant-schemas: schema moved belongs to no tenant',
      'tenant-schemas: schema orphan belongs to no tenant',
      'tenant-schemas: tenant globex has no schema',
    ]);
  });
});

test('tenant-role-rights ignores the rights of the roles of another database there', async (t) => {
  await guarded.alone(() =>
    undone(guarded, async (client) => {
      const role = `t_${'0123456789abcdef'.repeat(2)}`;
      await client.query(`create role ${role}; grant create on database template1 to ${role}`);
      const { service } = guarded;
      t.deepEqual(await runCheck(queryOf(client), { check: 'tenant-role-rights', service }), []);
    }),
  );
});

test('reports a login that inherits a tenant role on the membership (PostgreSQL 16)', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme, version } = guarded;
    if (version < 160_000) {
      t.deepEqual(await runCheck(queryOf(client), { check: 'service-memberships', service }), []);
      return;
    }
    await client.query(`grant ${acme.role} to ${service} with inherit true`);
    const [found] = await runCheck(queryOf(client), { check: 'service-memberships', service });
    t.is(found?.object, `role ${acme.role}`);
    t.is(found?.remedy, `grant ${acme.role} to ${service} with inherit false`);
  });
});

test('reports MAINTAIN on an own table (PostgreSQL 17)', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme, version } = guarded;
    if (version < 170_000) {
      t.deepEqual(await runCheck(queryOf(client), { check: 'tenant-role-rights', service }), []);
      return;
    }
    await client.query(`grant maintain on acme.notes to ${acme.role}`);
    const [found] = await runCheck(queryOf(client), { check: 'tenant-role-rights', service });
    t.is(found?.remedy, `revoke maintain on table acme.notes from ${acme.role}`);
  });
});

test('reports a session that starts inside a tenant', async (t) => {
  const url = new URL(guarded.ownerUrl);
  url.searchParams.set('options', `-c backtrace_functions=${guarded.acme.role}`);
  await connected(url.href, async (client) => {
    const findings = await runCheck(queryOf(client), { check: 'guard-parameter', service: guarded.service });
    t.deepEqual(describe(findings), [
      `guard-parameter: parameter backtrace_functions is set to '${guarded.acme.role}' outside a tenant`,
    ]);
  });
});

test('accepts a policy in the Citus dialect, without a sub-select', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme } = guarded;
    await client.query(`drop policy same_tenant on acme.notes;
      create policy same_tenant on acme.notes using (tenancy.current_tenant() = '${acme.role}')`);
    t.deepEqual(await runCheck(queryOf(client), { check: 'unprotected-relations', service }), []);
  });
});

test('recognizes the policies with every search_path', async (t) => {
  await undone(guarded, async (client) => {
    for (const path of ['tenancy', 'acme, globex, tenancy', 'pg_temp']) {
      await client.query(`set local search_path = ${path}`);
      const findings = await runCheck(queryOf(client), {
        check: 'unprotected-relations',
        service: guarded.service,
      });
      t.deepEqual(describe(findings), [], path);
    }
  });
});

test('unhardened reports everything that hardening.sql revokes, and nothing else', async (t) => {
  await undone(guarded, async (client) => {
    const { service } = guarded;
    const rights = async (): Promise<string[]> => {
      const { rows } = await client.query<{ object: string }>(`
        select format('function pg_catalog.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as object
        from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where a.grantee = 0 and p.pronamespace = 'pg_catalog'::regnamespace
        union all
        select format('view pg_catalog.%I', c.relname)
        from pg_class as c, aclexplode(c.relacl) as a
        where a.grantee = 0 and c.relnamespace = 'pg_catalog'::regnamespace and a.privilege_type = 'SELECT'
        union all
        select format('language %I', l.lanname)
        from pg_language as l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) as a
        where a.grantee = 0 and l.lanpltrusted
        union all
        select 'schema public'
        from pg_namespace as n, aclexplode(n.nspacl) as a
        where a.grantee = 0 and n.nspname = 'public'`);
      return rows.map(({ object }) => object);
    };
    await client.query(`
      grant execute on all functions in schema pg_catalog to public;
      grant select on all tables in schema pg_catalog to public;
      grant usage on language sql, plpgsql to public;
      grant usage on schema public to public`);
    const before = await rights();
    const found = await runCheck(queryOf(client), { check: 'unhardened', service });
    await client.query(await readSqlFile('shared/hardening.sql', { service }));
    const after = new Set(await rights());
    t.deepEqual(
      found.map(({ object }) => object).sort(),
      before.filter((object) => !after.has(object)).sort(),
    );
    t.true(found.length > 80);
    t.deepEqual(await runCheck(queryOf(client), { check: 'unhardened', service }), []);
  });
});

test('accepts the memberships of a service login that administers the server', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme } = guarded;
    await client.query(`
      alter role ${service} createrole;
      grant pg_monitor, ${acme.role} to ${service} with admin option`);
    const findings = await runCheck(queryOf(client), { check: 'service-memberships', service });
    t.true(findings.length >= 2);
    for (const { remedy } of findings) {
      t.regex(remedy, /^set DATABASE_URL to a separate login/);
    }
  });
});

test('tenants can read a global table after the remedy for SELECT on it', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme } = guarded;
    await client.query(`
      set local role global_owner;
      create table global.codes (code text primary key);
      select tenancy.protect_global();
      reset role;
      grant select on global.codes to public`);
    const [found] = await runCheck(queryOf(client), { check: 'global-tables', service });
    await client.query(
      `${found?.remedy}; reset role; set local role ${acme.role}; select code from global.codes`,
    );
    await client.query('reset role');
    t.deepEqual(await runCheck(queryOf(client), { check: 'global-tables', service }), []);
  });
});

test('advises no change for a service login that is a superuser or owns a database', async (t) => {
  const { user } = loginOf(guarded.ownerUrl);
  await undone(guarded, async (client) => {
    for (const [service, prepare] of [
      [user, 'select'],
      [
        guarded.service,
        `alter database ${pg.escapeIdentifier(client.database ?? '')} owner to ${guarded.service}`,
      ],
    ] as const) {
      await client.query(`${prepare}; alter role ${guarded.service} createdb`);
      const findings = await runCheck(queryOf(client), { check: 'service-privileges', service });
      t.true(findings.length > 0, service);
      for (const { remedy } of findings) {
        t.regex(remedy, /^set DATABASE_URL to a separate login/);
      }
    }
  });
});
