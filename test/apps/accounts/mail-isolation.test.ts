import test from 'ava';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { project } from './project.ts';

for (const contextMode of ['guarded', 'signed'] as const) {
  let world: World;
  test.before(async () => {
    world = await openWorld({ project, contextMode });
  });
  test.after.always(() => world?.close());

  const inside = (member: Member, text: string) =>
    withTenant(world.tenantDatabase, { tenant: member.id, readOnly: false }, (tx) => tx.any(raw(text)));
  const waiting = () =>
    world.asOwner<{ schema: string; due: boolean }>(
      `select t.schema_name as schema, w.due_at <= now() as due
       from tenancy.due_work as w
       join public.tenants as t on t.id = w.tenant_id
       order by 1`,
    );
  const letter = (member: Member) =>
    inside(member, `insert into outbox (kind, address) values ('password_reset', 'a@example.com')`);

  test.serial(`${contextMode}: a tenant can only report that it has waiting mail`, async (t) => {
    await world.asOwner('delete from tenancy.due_work');
    await letter(world.globex);
    const [row] = await world.asOwner<{ seen: string }>(
      'select marked_at::text as seen from tenancy.due_work',
    );
    // With the other tenant's marker, which an attacker would have to know.
    await inside(world.acme, `select tenancy.reschedule_due('mail', '${row?.seen}', null)`);
    await inside(
      world.acme,
      `select tenancy.reschedule_due('mail', '${row?.seen}', now() + interval '1 day')`,
    );
    t.deepEqual(await waiting(), [{ schema: 'globex', due: true }]);
    await inside(world.acme, `select tenancy.mark_due('mail')`);
    t.deepEqual(await waiting(), [
      { schema: 'acme', due: true },
      { schema: 'globex', due: true },
    ]);
    await inside(world.globex, `select tenancy.reschedule_due('mail', '${row?.seen}', null)`);
    t.deepEqual(await waiting(), [{ schema: 'acme', due: true }]);
  });

  test.serial(`${contextMode}: a session outside a tenant cannot mark a tenant`, async (t) => {
    await world.asOwner('delete from tenancy.due_work');
    const bare = await world.bare();
    await bare.query(`select tenancy.mark_due('mail')`);
    await bare.query(`select tenancy.reschedule_due('mail', now(), null)`);
    t.deepEqual(await waiting(), []);
  });

  test.serial(
    `${contextMode}: a tenant cannot fill the shared list with arbitrary kinds of work`,
    async (t) => {
      await world.asOwner('delete from tenancy.due_work');
      const error = await t.throwsAsync(
        inside(world.acme, `select tenancy.mark_due('kind_' || n)::text from generate_series(1, 17) as n`),
      );
      t.regex(String(error?.message ?? error), /at most 16 kinds of due work/);
      await t.throwsAsync(inside(world.acme, `select tenancy.mark_due('No kind')::text`));
      t.deepEqual(await waiting(), []);
    },
  );

  test.serial(`${contextMode}: no tenant sees which tenants have mail`, async (t) => {
    for (const text of [
      `select tenant_id from tenancy.find_due('mail', 10)`,
      'select tenant_id from tenancy.due_work',
      'delete from tenancy.due_work',
    ]) {
      const error = await t.throwsAsync(inside(world.acme, text), undefined, text);
      t.regex(String(error?.message ?? error), /permission denied/, text);
    }
  });

  test.serial(
    `${contextMode}: does not miss mail that arrives while the outbox is being cleared`,
    async (t) => {
      await world.asOwner('delete from tenancy.due_work');
      await letter(world.acme);
      const [before] = await world.asOwner<{ seen: string }>(
        'select marked_at::text as seen from tenancy.due_work',
      );
      await letter(world.acme);
      await inside(world.acme, `select tenancy.reschedule_due('mail', '${before?.seen}', null)`);
      t.deepEqual(await waiting(), [{ schema: 'acme', due: true }]);
    },
  );

  test.serial(
    `${contextMode}: neither a tenant nor the migration owner can change audit events`,
    async (t) => {
      await inside(
        world.acme,
        `insert into audit_events (action, actor, token_id) values ('impersonation', 'operator', gen_random_uuid())`,
      );
      for (const text of [
        `update audit_events set actor = 'nobody'`,
        'delete from audit_events',
        'with gone as (delete from audit_events returning id) select id from gone',
        `merge into audit_events as a using (values (1)) as v (x) on true when matched then delete`,
      ]) {
        const error = await t.throwsAsync(inside(world.acme, text), undefined, text);
        t.regex(String(error?.message ?? error), /cannot be changed/, text);
      }
      await t.throwsAsync(inside(world.acme, 'truncate audit_events'));
      await t.throwsAsync(world.asOwner('delete from acme.audit_events'), { message: /cannot be changed/ });
      t.deepEqual(await world.asOwner('select actor from acme.audit_events'), [{ actor: 'operator' }]);
    },
  );
}
