import { seen } from '../../../src/attacks/evaluate.ts';
import type { Wall } from '../../../src/attacks/walls.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { raw } from '../attack.ts';
import type { Attack, Category } from './attack.ts';

const sessionAttack = (
  id: string,
  name: string,
  walls: readonly [Wall, ...Wall[]],
  action: Attack['action'],
): Attack => ({ id: `session-${id}`, name, controls: 'a session left behind', walls, leak: 'row', action });

const SELECT_OTHER = 'select name from globex.attack_notes';

export const sessions: Category = {
  title: 'State left on the connection',
  attacks: [
    sessionAttack(
      'context',
      'the next user of a connection is outside any tenant',
      ['reset', 'local-settings', 'local-context'],
      ({ withConnection, world: { globex } }) =>
        withConnection(async ({ inTenant, outside }) => {
          await inTenant(globex, (send) => send('select 1'));
          return outside('select name from attack_notes');
        }),
    ),
    sessionAttack(
      'role',
      "a role that was set for the session does not apply to the connection's next user",
      ['reset', 'policy'],
      ({ withConnection, world: { globex } }) =>
        withConnection(async ({ inTenant, outside }) => {
          await inTenant(globex, (_send, sendRaw) => sendRaw(`set session role ${globex.role}`));
          return outside(SELECT_OTHER);
        }),
    ),
    sessionAttack(
      'cursor',
      "the connection's next user cannot read a cursor that outlives its transaction",
      ['reset'],
      ({ withConnection, world: { acme, globex } }) =>
        withConnection(async ({ inTenant }) => {
          await inTenant(globex, (_send, sendRaw) =>
            sendRaw(`declare kept cursor with hold for ${SELECT_OTHER}`),
          );
          return inTenant(acme, (_send, sendRaw) => sendRaw('fetch all from kept'));
        }),
    ),
    sessionAttack(
      'prepared',
      'a prepared statement of another tenant runs with the rights and the path of its caller',
      ['role', 'policy'],
      ({ withConnection, world: { acme, globex } }) =>
        withConnection(async ({ inTenant }) => {
          await inTenant(globex, (_send, sendRaw) => sendRaw(`prepare theirs as ${SELECT_OTHER}`));
          return inTenant(acme, (_send, sendRaw) => sendRaw('execute theirs'));
        }),
    ),
    sessionAttack(
      'seed',
      "a tenant cannot predict the random numbers of the connection's next user",
      ['hardening', 'reseed'],
      ({ withConnection, world: { acme, globex, asOwner } }) =>
        withConnection(async ({ inTenant }) => {
          await inTenant(acme, (send) => send('select setseed(0.42)'));
          const drawn = await inTenant(globex, (send) => send('select random()::text as drawn'));
          await asOwner('select setseed(0.42)');
          const predicted = await asOwner('select random()::text as drawn');
          return JSON.stringify(drawn) === JSON.stringify(predicted) ? seen('predicted') : [];
        }),
    ),
    {
      ...sessionAttack(
        'limit',
        "the connection's next user does not see the limit that was set with pg_trgm's set_limit",
        ['reset', 'extensions'],
        ({ withConnection, world: { acme, globex } }) =>
          withConnection(async ({ inTenant }) => {
            await inTenant(acme, (send) => send('select set_limit(0.77)'));
            const received = await inTenant(globex, (send) =>
              send(`select current_setting('pg_trgm.similarity_threshold', true) as threshold`),
            );
            return JSON.stringify(received).includes('"0.77"') ? seen('still set') : received;
          }),
      ),
      extension: 'pg_trgm',
    },
    {
      ...sessionAttack(
        'last-value',
        "the connection's next user cannot read the last value of a sequence",
        ['reset', 'role'],
        ({ withConnection, world: { acme, globex } }) =>
          withConnection(async ({ inTenant }) => {
            await inTenant(globex, (send) => send(`select nextval('attack_notes_id_seq')::text as last`));
            const received = await inTenant(acme, (send) => send('select lastval()::text as last'));
            return /"last":"\d/.test(JSON.stringify(received)) ? seen('the value was read') : received;
          }),
      ),
      victimWrites: true,
    },
    {
      ...sessionAttack(
        'temp-table',
        "a temporary table does not shadow the tenant's own table",
        ['reset', 'no-temp', 'temp-last'],
        ({ withConnection, world: { acme, globex, asOwner } }) =>
          withConnection(async ({ inTenant }) => {
            await inTenant(acme, async (_send, sendRaw) => {
              await sendRaw(
                'create temporary table attack_notes (id bigint generated always as identity, name text)',
              );
              await sendRaw('grant all on pg_temp.attack_notes to public');
            });
            await inTenant(globex, (send) =>
              send(`insert into attack_notes (name) values ('canary-8d1f3c three')`),
            );
            const answer = await inTenant(acme, (send) => send('select name from pg_temp.attack_notes'));
            await asOwner(`delete from globex.attack_notes where name like '% three'`);
            return answer;
          }),
      ),
      victimWrites: true,
    },
    sessionAttack(
      'aborted',
      'a connection whose transaction failed is outside any tenant afterwards',
      ['reset', 'local-settings', 'local-context'],
      ({ withConnection, world: { globex } }) =>
        withConnection(async ({ inTenant, outside }) => {
          await inTenant(globex, (send) => send('select 1'));
          await inTenant(globex, (send) => send('select 1 / 0'));
          return outside('select name from attack_notes');
        }),
    ),
    {
      ...sessionAttack(
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
