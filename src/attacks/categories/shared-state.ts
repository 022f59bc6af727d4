import { seen } from '../evaluate.ts';
import { inOpenTransaction } from '../in-open-transaction.ts';
import { type AttackFixture, type Category, sqlAttack } from '../record.ts';
import { enterBare } from '../send-as-acme.ts';

/** Returns whether globex is blocked while a transaction of acme, which has sent the texts, is still open. */
const probeBlockedTenant = (fixture: AttackFixture, statements: readonly string[]): Promise<unknown> =>
  inOpenTransaction(fixture, statements, async () => {
    const { world } = fixture;
    const client = await world.bare();
    try {
      await client.query('begin');
      await enterBare(client, world, world.globex);
      await client.query(`set local lock_timeout = '200ms'`);
      await client.query('select from attack_notes');
      return [];
    } catch (error) {
      return seen(`the other tenant is blocked: ${(error as Error).message}`);
    } finally {
      await client.end();
    }
  });

export const sharedState: Category = {
  title: 'Shared objects: sequences, locks, the registry',
  attacks: [
    sqlAttack({
      id: 'sequence-next',
      name: "a tenant cannot advance another's sequence",
      controls: 'one statement',
      walls: ['role'],
      leak: 'change',
      texts: `select nextval('globex.attack_notes_id_seq')`,
    }),
    sqlAttack({
      id: 'sequence-set',
      name: "a tenant cannot set another's sequence",
      controls: 'one statement',
      walls: ['role'],
      leak: 'change',
      texts: `select setval('globex.attack_notes_id_seq', 4711)`,
    }),
    sqlAttack({
      id: 'truncate',
      name: "a tenant cannot truncate another's table, to which no policy applies",
      controls: 'one statement',
      walls: ['statement', 'privileges'],
      leak: 'change',
      texts: 'truncate globex.attack_notes',
    }),
    sqlAttack({
      id: 'login-write',
      name: "the service's login cannot change a row outside a tenant",
      controls: 'several statements',
      walls: ['statement', 'login'],
      leak: 'change',
      texts: ['set local role none', `update globex.attack_notes set name = 'x'`],
    }),
    {
      id: 'lock-table',
      name: "a tenant cannot lock another's table",
      controls: 'several statements',
      walls: ['statement'],
      leak: 'change',
      action: (fixture) =>
        probeBlockedTenant(fixture, [
          `set local role ${fixture.world.globex.role}`,
          'lock table globex.attack_notes in access exclusive mode',
        ]),
    },
    {
      id: 'lock-advisory',
      name: "a tenant cannot take the lock of another's entry",
      controls: 'one SQL expression',
      walls: ['hardening'],
      leak: 'change',
      action: (fixture) =>
        probeBlockedTenant(fixture, [
          `select pg_advisory_xact_lock(hashtextextended('${fixture.world.globex.id}', 0))::text`,
        ]),
    },
    ...(
      [
        ['tenants', 'select name from public.tenants', 'the registry rows of other tenants'],
        ['domains', 'select domain from public.domains', 'the hosts of other tenants'],
        ['keys', 'select id from tenancy.keys', 'the keys of the database'],
      ] as const
    ).map(([id, texts, what]) =>
      sqlAttack({
        id: `registry-${id}`,
        name: `a tenant cannot read ${what}`,
        controls: 'one statement',
        walls: ['registry'],
        texts,
      }),
    ),
    sqlAttack({
      id: 'registry-write',
      name: 'a tenant cannot change the registry',
      controls: 'one statement',
      walls: ['registry'],
      texts: `update public.tenants set settings = '{}' where schema_name = 'globex' returning name`,
    }),
    sqlAttack({
      id: 'registry-own-names',
      name: 'a tenant cannot reach the registry by an unqualified name',
      controls: 'one statement',
      walls: ['path', 'registry'],
      texts: 'select name from tenants',
    }),
  ],
};
