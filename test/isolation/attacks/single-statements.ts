import { randomUUID } from 'node:crypto';
import { sql } from 'slonik';
import { z } from 'zod';

import { userGuard } from '../../../src/apps/accounts/sessions/guards.ts';
import { querySingle } from '../../../src/tenancy/context/query-single.ts';
import { describeError } from '../attack.ts';
import type { Fixture } from '../fixture.ts';
import type { Attack, Category } from './attack.ts';

/** Adds a user of globex with a session, and returns its claims. */
async function addUser({ world }: Fixture) {
  const family = randomUUID();
  const [user] = await world.asOwner<{ id: string; version: number }>(
    `insert into globex.users (username, password) values ('single.${family}', '!') returning id::text, token_version as version`,
  );
  const { id, version } = user ?? { id: '', version: 0 };
  await world.asOwner(
    `insert into globex.sessions (user_id, family, expires_at) values ($1, $2, now() + interval '1 day')`,
    [id, family],
  );
  return { userId: id, version, family, actor: null };
}

/**
 * Sends a write of a user of globex as a single statement, as a route does that has found host and user valid. PostgreSQL
 * commits it before the service sees a result.
 */
async function writeAfter(fixture: Fixture, change: (user: string, family: string) => string, undo: string) {
  const { world, replacements } = fixture;
  const claims = await addUser(fixture);
  const guard = (replacements.app.userGuard ?? userGuard)(claims, () => {});
  await world.asOwner(change(claims.userId, claims.family));
  try {
    return await querySingle(
      world.tenantDatabase,
      { tenant: world.globex.id, readOnly: false, admitted: ['active'], guards: [guard] },
      sql.type(z.unknown())`insert into attack_notes (name) values ('written by a single statement')`,
    ).catch(describeError);
  } finally {
    await world.asOwner(undo.replaceAll('$tenant', world.globex.id).replaceAll('$user', claims.userId));
  }
}

const REMOVE_USER = `delete from globex.users where id = $user`;
const PAID = `update public.tenants set status = 'active', on_trial = true, paid_until = null where id = '$tenant'; ${REMOVE_USER}`;

const ofUser = (id: string, what: string, change: (user: string, family: string) => string): Attack => ({
  id: `single-${id}`,
  name: `a single statement of a user ${what} saves nothing`,
  controls: 'a stale cache',
  walls: ['guard'],
  leak: 'change',
  action: (fixture) => writeAfter(fixture, change, REMOVE_USER),
});

const ofTenant = (id: string, what: string, change: string): Attack => ({
  id: `single-${id}`,
  name: `a single statement in a tenant that ${what} saves nothing`,
  controls: 'a stale cache',
  walls: ['status'],
  leak: 'change',
  action: (fixture) =>
    writeAfter(
      fixture,
      () => `update public.tenants set ${change} where id = '${fixture.world.globex.id}'`,
      PAID,
    ),
});

export const singleStatements: Category = {
  title: 'A single statement, which is committed before the service sees its result',
  attacks: [
    ofUser('user-deleted', 'who was deleted', (user) => `delete from globex.users where id = ${user}`),
    ofUser(
      'user-inactive',
      'who was deactivated',
      (user) => `update globex.users set is_active = false where id = ${user}`,
    ),
    ofUser(
      'session-ended',
      'whose session has ended',
      (_, family) => `delete from globex.sessions where family = '${family}'`,
    ),
    ofTenant('suspended', 'was suspended', `status = 'suspended'`),
    ofTenant(
      'unpaid',
      'stopped paying',
      `on_trial = false, paid_until = (now() at time zone 'UTC')::date - 1`,
    ),
    ofTenant('deleted', 'was deleted', `status = 'deleted'`),
  ],
};
