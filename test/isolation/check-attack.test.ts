import { once } from 'node:events';
import test from 'ava';
import { attacksOfApps } from '../../src/attacks/attacks-of-apps.ts';
import { createAttackTables, createGlobalAttackTable, RIGHT } from '../../src/attacks/context.ts';
import { evaluate } from '../../src/attacks/evaluate.ts';
import { plant } from '../../src/attacks/plant.ts';
import { type Channel, sendAsAcme } from '../../src/attacks/send-as-acme.ts';
import { run, start } from '../cli/run.ts';
import { fixtureProject } from '../fixture-app/project.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { rewrite, swap, type Undo } from './walls.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
  // Without any grant: a run must not grant anything on the global tables of apps.
  await world.asGlobalOwner('create table codes (code text)');
});
test.after.always(() => world?.close());

const attack = (...more: string[]) => run('cli.ts', ['check', '--attack', ...more], environmentOf(world));

/** Returns everything in the database that a run could leave behind, and the roles of its login. */
async function catalog({ asOwner, service }: World): Promise<unknown> {
  const rows = await asOwner(
    `select
       (select jsonb_agg(t.id order by t.id) from public.tenants as t) as tenants,
       (select jsonb_agg(d.domain order by d.domain) from public.domains as d) as domains,
       (select jsonb_agg(k.purpose || ' ' || k.id order by k.purpose, k.id) from tenancy.keys as k) as keys,
       (select jsonb_agg(c.oid::regclass::text || coalesce(c.relacl::text, '') order by c.oid)
        from pg_class as c
        where c.relnamespace <> 'pg_toast'::regnamespace) as relations,
       (select jsonb_agg(n.nspname || coalesce(n.nspacl::text, '') order by n.oid)
        from pg_namespace as n
        where n.nspname !~ '^pg_(toast_)?temp_') as schemas,
       (select jsonb_agg(f.oid::regprocedure::text || coalesce(f.proacl::text, '') order by f.oid) from pg_proc as f) as functions,
       (select jsonb_agg(p.polname || p.polrelid::regclass::text order by p.oid) from pg_policy as p) as policies,
       (select jsonb_agg(s.setrole::regrole::text || s.setconfig::text)
        from pg_db_role_setting as s
        where s.setrole = $1::regrole) as settings,
       (select jsonb_agg(m.roleid::regrole::text || m.member::regrole::text order by m.roleid, m.member)
        from pg_auth_members as m
        where $1::regrole in (m.roleid, m.member)) as memberships`,
    [service],
  );
  return rows;
}

const leftOvers = async ({ asOwner }: World): Promise<number> => {
  const [row] = await asOwner<{ many: number }>(
    `select
       (select count(*) from public.tenants where type = 'attacked')::integer
       + (select count(*) from pg_class where relname ~ '^(attacked_[0-9a-f]{12}|attack_made)$')::integer as many`,
  );
  return row?.many ?? -1;
};

/** Starts a run in a process of its own, and returns when it has run its first attack. */
const begin = async (): Promise<Awaited<ReturnType<typeof start>>> => {
  const child = await start('cli.ts', ['check', '--attack'], environmentOf(world));
  child.stderr.setEncoding('utf8');
  for await (const text of child.stderr.iterator({ destroyOnReturn: false })) {
    if (String(text).includes('rows-id')) {
      break;
    }
  }
  return child;
};

test.serial(
  'after a killed run, every attack is stopped, its tenants are removed, and the run leaves no trace',
  async (t) => {
    const before = await catalog(world);
    const child = await begin();
    child.kill('SIGKILL');
    await once(child, 'close');
    t.is(await leftOvers(world), 3);
    const ran = await attack('--json');
    t.is(ran.code, 0, ran.err);
    t.regex(ran.err, /Removed 2 tenants of an interrupted run\./);
    const verdicts = JSON.parse(ran.out);
    t.true(verdicts.length > 100);
    t.deepEqual(
      verdicts.filter(({ leak }: { leak: unknown }) => leak !== null),
      [],
    );
    t.deepEqual(await catalog(world), before);
  },
);

test.serial(
  'rejects a second concurrent run; a signal stops the first one, which removes its tenants',
  async (t) => {
    const before = await catalog(world);
    const child = await begin();
    const received: string[] = [];
    child.stderr.on('data', (text: string) => received.push(text));
    // It keeps its lock for as long as the second run needs.
    child.kill('SIGSTOP');
    const second = await attack();
    child.kill('SIGCONT');
    t.is(second.code, 1);
    t.regex(second.err, /^Another `check --attack` is running\. Wait until it has ended\.$/m);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    t.is(code, 1);
    t.regex(received.join(''), /Stopped\. The scratch tenants were removed\./);
    t.deepEqual(await catalog(world), before);
  },
);

test.serial('the URL of the migrating login is enough, and no login is left behind', async (t) => {
  const before = await catalog(world);
  const ran = await run('cli.ts', ['check', '--attack', '--url', world.ownerUrl], {});
  t.is(ran.code, 0, ran.err);
  t.regex(ran.out, /^held {2}rows-id {2}role, policy$/m);
  t.regex(ran.err, /attacks, none succeeded\.$/m);
  t.deepEqual(await catalog(world), before);
});

const PROTECT = 'tenancy.protect_schema(text)';
const ENTER = 'tenancy.enter(uuid, bigint, text)';

type Weakness = readonly [what: string, down: (world: World) => Promise<Undo>, ids: readonly string[]];

const WEAKNESSES: readonly Weakness[] = [
  [
    'no policy compares the current tenant',
    async (here) => {
      const first = await rewrite(
        here,
        PROTECT,
        'using ((select tenancy.current_tenant() = %L))',
        'using (%L is not null)',
      );
      const second = await rewrite(here, PROTECT, 'if v_object.has_other_policy', 'if false');
      return async () => {
        await second();
        await first();
      };
    },
    ['role-set', 'role-stacked', 'guess-as-other-unique', 'entry-without', 'rows-migration'],
  ],
  [
    'row-level security is not forced',
    (here) => rewrite(here, PROTECT, `alter table %I.%I force row`, `alter table %I.%I no force row`),
    ['rows-migration'],
  ],
  [
    'PUBLIC may use the sequences',
    (here) =>
      rewrite(
        here,
        PROTECT,
        /grant usage on sequence %I\.%I to %I([\s\S]*)grant usage on schema %I to %I/,
        'grant all on sequence %I.%I to public, %I$1grant usage on schema %I to public, %I',
      ),
    ['sequence-next', 'sequence-set', 'count-sequence-row'],
  ],
  [
    'public is on the path, and its objects are granted to PUBLIC',
    async (here) => {
      const path = await rewrite(here, ENTER, `|| ', extensions, pg_temp'`, `|| ', public, pg_temp'`);
      const open = await swap(
        here,
        ['grant usage on schema public to public', 'grant select on public.tenants to public'],
        ['revoke select on public.tenants from public', 'revoke usage on schema public from public'],
      );
      return async () => {
        await open();
        await path();
      };
    },
    ['registry-own-names', 'registry-tenants'],
  ],
  [
    'the proof is not checked',
    (here) =>
      rewrite(here, ENTER, /(= split_part\(p_proof, '\.', 2\)\s*\)) is not true/, '$1 is not true and false'),
    ['entry-null', 'entry-own-key', 'entry-other-tenant'],
  ],
  [
    'a statistics function is executable by PUBLIC',
    (here) =>
      swap(
        here,
        ['grant execute on function pg_catalog.pg_stat_get_live_tuples(oid) to public'],
        ['revoke execute on function pg_catalog.pg_stat_get_live_tuples(oid) from public'],
      ),
    ['count-live-tuples'],
  ],
  [
    'global tables are granted by table',
    (here) =>
      rewrite(
        here,
        'tenancy.protect_global_table(oid)',
        "'grant select (%s) on global.%I to public', v_object.columns, v_object.relname",
        "'grant all on global.%I to public', v_object.relname",
      ),
    ['global-update', 'global-truncate', 'global-xmax', 'global-lock-row', 'global-lock-table'],
  ],
  [
    'PUBLIC may create objects on the path and install extensions',
    (here) => {
      const database = new URL(here.ownerUrl).pathname.slice(1);
      return swap(
        here,
        ['grant create on schema extensions to public', `grant create on database ${database} to public`],
        [
          `revoke create on database ${database} from public`,
          'revoke create on schema extensions from public',
        ],
      );
    },
    ['create-in-extensions', 'create-extension'],
  ],
  [
    'an extension is created without revoking its functions',
    (here) => swap(here, ['create extension pg_trgm schema extensions'], ['drop extension pg_trgm']),
    ['extension-set-limit', 'extension-show-limit'],
  ],
  [
    "the service's login is a superuser",
    (here) =>
      swap(here, [`alter role ${here.service} superuser`], [`alter role ${here.service} nosuperuser`]),
    ['role-login', 'login-write'],
  ],
];

/** A run finds the weaknesses of one of these together: none of them lets an attack on another succeed. */
const TOGETHER = [
  [
    'row-level security is not forced',
    'the proof is not checked',
    'public is on the path, and its objects are granted to PUBLIC',
  ],
  [
    'no policy compares the current tenant',
    'PUBLIC may use the sequences',
    'a statistics function is executable by PUBLIC',
    'global tables are granted by table',
    'PUBLIC may create objects on the path and install extensions',
    'an extension is created without revoking its functions',
  ],
];

const runsOf = (weaknesses: readonly Weakness[]): ReadonlyArray<readonly Weakness[]> =>
  Object.values(
    Object.groupBy(weaknesses, ([what]) => TOGETHER.find((group) => group.includes(what))?.[0] ?? what),
  ).filter((group) => group !== undefined);

for (const group of runsOf(WEAKNESSES)) {
  test.serial(`fails and names the attacks when ${group.map(([what]) => what).join('; ')}`, async (t) => {
    const undo: Undo[] = [];
    for (const [, down] of group) {
      undo.push(await down(world));
    }
    const ran = await attack('--json').finally(async () => {
      for (const restore of undo.reverse()) {
        await restore();
      }
    });
    t.is(ran.code, 1, ran.err);
    const leaks = JSON.parse(ran.out)
      .filter(({ leak }: { leak: unknown }) => leak !== null)
      .map(({ id }: { id: string }) => id);
    for (const id of group.flatMap(([, , ids]) => ids)) {
      t.true(leaks.includes(id), `${id} is not among ${leaks.join(' ')}`);
      t.regex(ran.err, new RegExp(`\\b${id}\\b`));
    }
    t.is(await leftOvers(world), 0);
  });
}

test.serial('reports an error when the tenant cannot be entered at all', async (t) => {
  const undo = await rewrite(world, ENTER, `'enter|'`, `'leave|'`);
  const ran = await attack().finally(undo);
  t.is(ran.code, 1);
  t.regex(ran.err, /proof/);
  t.is(await leftOvers(world), 0);
});

for (const [words, what] of [
  [['--url', 'nonsense'], /--url is not a URL/],
  [['--drift'], /--attack can only be combined with --url and --json/],
  [['--schema', 'acme'], /--attack can only be combined with/],
] as const) {
  test.serial(`rejects wrong usage: --attack ${words.join(' ')}`, async (t) => {
    const ran = await attack(...words);
    t.is(ran.code, 2);
    t.regex(ran.err, what);
  });
}

test.serial('--url requires --attack', async (t) => {
  const ran = await run('cli.ts', ['check', '--url', world.ownerUrl], environmentOf(world));
  t.is(ran.code, 2);
  t.regex(ran.err, /--url requires --attack/);
});

test.serial('rejects a database without an installation', async (t) => {
  const url = new URL(world.ownerUrl);
  url.pathname = '/postgres';
  const ran = await run('cli.ts', ['check', '--attack', '--url', url.href], {});
  t.is(ran.code, 1);
  t.regex(ran.err, /not installed in this database\. Run `tenants migrate`\./);
});

// Last: it disables walls of the world.
test.serial(
  "an attack of an app is stopped, and reads the other tenant's rows when the isolation layers are disabled",
  async (t) => {
    await createAttackTables(world, [world.acme, world.globex]);
    await createGlobalAttackTable(world);
    await plant(world);
    const [ofApp] = await attacksOfApps(fixtureProject.apps);
    if (!ofApp) {
      return t.fail('The fixture app has an attack.');
    }
    const evaluateOfApp = () =>
      evaluate(
        {
          world,
          fixture: (replacements: { channel: Channel } = { channel: 'driver' }, guess = RIGHT) => ({
            world,
            replacements,
            guess,
            send: (statements: readonly string[]) => sendAsAcme(world, statements, replacements.channel),
          }),
        },
        ofApp,
      );
    t.is(await evaluateOfApp(), null);
    await world.asOwner('grant usage on schema globex to public; grant select on globex.notes to public');
    t.is(await evaluateOfApp(), null);
    await world.asOwner('alter table globex.notes disable row level security');
    t.regex(String(await evaluateOfApp()), /^read: /);
  },
);
