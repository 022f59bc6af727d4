import { seen } from '../../../src/attacks/evaluate.ts';
import type { Wall } from '../../../src/attacks/walls.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { raw } from '../attack.ts';
import type { Attack, Category } from './attack.ts';

const left = (
  id: string,
  name: string,
  walls: readonly [Wall, ...Wall[]],
  action: Attack['action'],
): Attack => ({ id: `session-${id}`, name, controls: 'a session left behind', walls, leak: 'row', action });

const SELECT_OTHER = 'select name from globex.attack_notes';

export const sessions: Category = {
  title: 'State left on the connection',
  attacks: [
    left(
      'context',
      'the next user of a connection is outside any tenant',
      ['reset', 'local-settings', 'local-context'],
      ({ lend, world: { globex } }) =>
        lend(async ({ borrow, outside }) => {
          await borrow(globex, (send) => send('select 1'));
          return outside('select name from attack_notes');
        }),
    ),
    left(
      'role',
      "a role that was set for the session is not the next borrower's",
      ['reset', 'policy'],
      ({ lend, world: { globex } }) =>
        lend(async ({ borrow, outside }) => {
          await borrow(globex, (_send, sneak) => sneak(`set session role ${globex.role}`));
          return outside(SELECT_OTHER);
        }),
    ),
    left(
      'cursor',
      "a cursor that outlives its transaction is not the next borrower's",
      ['reset'],
      ({ lend, world: { acme, globex } }) =>
        lend(async ({ borrow }) => {
          await borrow(globex, (_send, sneak) => sneak(`declare kept cursor with hold for ${SELECT_OTHER}`));
          return borrow(acme, (_send, sneak) => sneak('fetch all from kept'));
        }),
    ),
    left(
      'prepared',
      'a statement that another has prepared has the rights and the path of its caller',
      ['role', 'policy'],
      ({ lend, world: { acme, globex } }) =>
        lend(async ({ borrow }) => {
          await borrow(globex, (_send, sneak) => sneak(`prepare theirs as ${SELECT_OTHER}`));
          return borrow(acme, (_send, sneak) => sneak('execute theirs'));
        }),
    ),
    left(
      'seed',
      "whose connection it was before does not know the next borrower's random numbers",
      ['hardening', 'reseed'],
      ({ lend, world: { acme, globex, asOwner } }) =>
        lend(async ({ borrow }) => {
          await borrow(acme, (send) => send('select setseed(0.42)'));
          const drawn = await borrow(globex, (send) => send('select random()::text as drawn'));
          await asOwner('select setseed(0.42)');
          const predicted = await asOwner('select random()::text as drawn');
          return JSON.stringify(drawn) === JSON.stringify(predicted) ? seen('foreseen') : [];
        }),
    ),
    {
      ...left(
        'limit',
        "the limit of pg_trgm that one borrower has set is not the next one's",
        ['reset', 'extensions'],
        ({ lend, world: { acme, globex } }) =>
          lend(async ({ borrow }) => {
            await borrow(acme, (send) => send('select set_limit(0.77)'));
            const received = await borrow(globex, (send) =>
              send(`select current_setting('pg_trgm.similarity_threshold', true) as threshold`),
            );
            return JSON.stringify(received).includes('"0.77"') ? seen('still set') : received;
          }),
      ),
      extension: 'pg_trgm',
    },
    {
      ...left(
        'last-value',
        "the last number that a counter gave is not the next borrower's to know",
        ['reset', 'role'],
        ({ lend, world: { acme, globex } }) =>
          lend(async ({ borrow }) => {
            await borrow(globex, (send) => send(`select nextval('attack_notes_id_seq')::text as last`));
            const received = await borrow(acme, (send) => send('select lastval()::text as last'));
            return /"last":"\d/.test(JSON.stringify(received)) ? seen('known') : received;
          }),
      ),
      victimWrites: true,
    },
    {
      ...left(
        'temp-table',
        "a temporary table does not shadow the tenant's own table",
        ['reset', 'no-temp', 'temp-last'],
        ({ lend, world: { acme, globex, asOwner } }) =>
          lend(async ({ borrow }) => {
            await borrow(acme, async (_send, sneak) => {
              await sneak(
                'create temporary table attack_notes (id bigint generated always as identity, name text)',
              );
              await sneak('grant all on pg_temp.attack_notes to public');
            });
            await borrow(globex, (send) =>
              send(`insert into attack_notes (name) values ('canary-8d1f3c three')`),
            );
            const answer = await borrow(acme, (send) => send('select name from pg_temp.attack_notes'));
            await asOwner(`delete from globex.attack_notes where name like '% three'`);
            return answer;
          }),
      ),
      victimWrites: true,
    },
    left(
      'aborted',
      'a connection whose transaction failed is outside any tenant afterwards',
      ['reset', 'local-settings', 'local-context'],
      ({ lend, world: { globex } }) =>
        lend(async ({ borrow, outside }) => {
          await borrow(globex, (send) => send('select 1'));
          await borrow(globex, (send) => send('select 1 / 0'));
          return outside('select name from attack_notes');
        }),
    ),
    {
      ...left(
        'savepoint',
        'a failed nested transaction does not change the tenant',
        ['path', 'role', 'policy'],
        ({ world: { tenantDatabase, acme } }) =>
          withTenant(tenantDatabase, { tenant: acme.id, readOnly: true }, async (tx) => {
            await tx.transaction((inner) => inner.query(raw('select 1 / 0'))).catch(() => {});
            return tx.any(raw('select name from attack_notes'));
          }).catch(String),
      ),
      controls: 'several statements',
    },
  ],
};
