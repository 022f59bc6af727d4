import { type QuerySqlToken, sql } from 'slonik';

import { assertRowStatement } from '../../src/db/statement.ts';
import { createProof } from '../../src/tenancy/proof.ts';
import { withTenant } from '../../src/tenancy/with-tenant.ts';
import type { Member, World } from '../helpers/world.ts';

/** What stands nowhere but in rows of globex. */
export const CANARY = 'canary-8d1f3c';

/** What stands in rows of globex, and what stands in none: an oracle tells them apart. */
export const RIGHT: Guess = { name: 'known-5b1c', id: 900_001 };
export const WRONG: Guess = { name: 'known-0000', id: 900_002 };
export type Guess = Readonly<{ name: string; id: number }>;

/** An SQL text as an attacker would have it: whole, and without values. */
export const raw = (text: string): QuerySqlToken => ({ ...sql.unsafe`select`, sql: text });

/** Gives both tenants rows of the same ids, so that only the walls tell them apart. */
export async function plant({ asOwner, globex }: World): Promise<void> {
  for (const schema of ['acme', 'globex']) {
    const mark = schema === 'globex' ? CANARY : 'own';
    await asOwner(`truncate ${schema}.projects restart identity`);
    // Those two have logged in, and their tokens are in use.
    await asOwner(`delete from ${schema}.users where username not in ('alice.a', 'hank')`);
    await asOwner(`insert into ${schema}.projects (id, name) values (1, '${mark} one'), (2, '${mark} two')`);
    await asOwner(
      `insert into ${schema}.users (id, username, email, password)
       values (1, 'alice', '${mark}@example.com', '!')`,
    );
    // Beyond what is planted: services that are attacked make users and projects, too.
    await asOwner(
      `select setval('${schema}.users_id_seq', greatest(1000, (select max(id) from ${schema}.users where id < 900000))), setval('${schema}.projects_id_seq', 1000)`,
    );
  }
  await asOwner(
    `insert into globex.projects (id, name) values (${RIGHT.id}, '${CANARY} nine');
     insert into globex.users (id, username, email, password)
     values (${RIGHT.id}, '${RIGHT.name}', '${RIGHT.name}@example.com', '!')`,
  );
  await asOwner(`update public.tenants set name = '${CANARY}' where id = $1`, [globex.id]);
}

/** All that a change of globex would show in. Hank logs in there himself. */
export async function rowsOfGlobex({ asOwner }: World): Promise<string> {
  const rows = await asOwner(`
    select (select json_agg(p order by p.id) from globex.projects as p) as projects,
           (select json_agg(u order by u.id) from globex.users as u where u.username <> 'hank') as users,
           (select s.last_value || ' ' || s.is_called from globex.projects_id_seq as s) as counter
  `);
  return JSON.stringify(rows);
}

/** Everything that an error tells: a value can travel in its message or its detail. */
export function tell(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const { message, cause } = error;
  return { ...error, message, cause: cause && tell(cause) };
}

/** The entry as `withTenant` sends it, for a connection without our driver. */
export async function enterBare(
  client: { query: (text: string, values?: unknown[]) => Promise<unknown> },
  { keys }: World,
  { id }: Member,
): Promise<void> {
  const { expires, text } = createProof(keys[0], id);
  await client.query(
    `select set_config('search_path', e.path, true), set_config('role', e.role, true)
     from tenancy.enter($1, $2, $3) as e`,
    [id, expires, text],
  );
}

/**
 * Through the driver; through wall 0's list of words with the simple protocol
 * behind it; or past both: whatever statement one likes, on the service's own
 * connection.
 */
export type Channel = 'driver' | 'simple' | 'bare';

/** Runs the statements in a transaction of acme, going on after errors, and answers all that was told. */
export async function sendAsAcme(
  world: World,
  statements: readonly string[],
  channel: Channel = 'driver',
): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  const note = async (answer: Promise<unknown>): Promise<void> => {
    await answer.then(
      (rows) => seen.push(rows),
      (error: unknown) => seen.push(tell(error)),
    );
  };

  if (channel === 'driver') {
    const whole = withTenant(world.gate, { tenant: world.acme.id, readOnly: false }, async (tx) => {
      for (const text of statements) {
        await note(tx.query(raw(text)));
      }
    });
    await note(whole);
    return seen;
  }
  const client = await world.bare();
  await client.query('begin');
  await enterBare(client, world, world.acme);
  for (const text of statements) {
    await client.query('savepoint attack').catch(() => {});
    const answer = (async () => {
      if (channel === 'simple') {
        assertRowStatement(text);
      }
      return client.query(text);
    })();
    await note(answer);
    // Only after an error: a savepoint undone would undo the attack's SET too.
    await answer.catch(() => client.query('rollback to savepoint attack').catch(() => {}));
  }
  await client.query('commit').catch(() => {});
  await client.end();
  return seen;
}

/** What was told of globex, or null: its rows hold the canary, and nothing of acme does. */
export function canaryIn(told: unknown): string | null {
  const text = JSON.stringify(told) ?? '';
  const at = text.indexOf(CANARY);
  return at < 0 ? null : `read: ${text.slice(Math.max(0, at - 40), at + 60)}`;
}

/** What the statements got of globex: a row read, a row changed, or null. */
export async function attack(
  world: World,
  statements: readonly string[],
  channel: Channel = 'driver',
): Promise<string | null> {
  const before = await rowsOfGlobex(world);
  const told = await sendAsAcme(world, statements, channel);
  const changed = before !== (await rowsOfGlobex(world));
  return canaryIn(told) ?? (changed ? 'changed a row of globex' : null);
}
