import { type QuerySqlToken, sql } from 'slonik';

import { createProof } from '../../src/tenancy/proof.ts';
import { withTenant } from '../../src/tenancy/with-tenant.ts';
import type { Member, World } from '../helpers/world.ts';

/** What stands nowhere but in rows of globex. */
export const CANARY = 'canary-8d1f3c';

/** An SQL text as an attacker would have it: whole, and without values. */
export const raw = (text: string): QuerySqlToken => ({ ...sql.unsafe`select`, sql: text });

/** Gives both tenants rows of the same ids, so that only the walls tell them apart. */
export async function plant({ asOwner, globex }: World): Promise<void> {
  for (const schema of ['acme', 'globex']) {
    const mark = schema === 'globex' ? CANARY : 'own';
    await asOwner(`truncate ${schema}.projects, ${schema}.users restart identity cascade`);
    await asOwner(`insert into ${schema}.projects (id, name) values (1, '${mark} one'), (2, '${mark} two')`);
    await asOwner(
      `insert into ${schema}.users (id, username, email, password)
       values (1, 'alice', '${mark}@example.com', '!')`,
    );
  }
  await asOwner(`update public.tenants set name = '${CANARY}' where id = $1`, [globex.id]);
}

async function rowsOfGlobex({ asOwner }: World): Promise<string> {
  const rows = await asOwner(`
    select (select json_agg(p order by p.id) from globex.projects as p) as projects,
           (select json_agg(u order by u.id) from globex.users as u) as users,
           (select s.last_value || ' ' || s.is_called from globex.projects_id_seq as s) as counter
  `);
  return JSON.stringify(rows);
}

/** Everything that an error tells: a value can travel in its message or its detail. */
function tell(error: unknown): unknown {
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

/** Through the driver, or past it: whatever statement one likes, on the service's own connection. */
export type Channel = 'driver' | 'bare';

/**
 * Runs the statements in a transaction of acme, going on after errors where the
 * channel lets it, and answers what it got of globex: a row read, a row changed,
 * or null.
 */
export async function attack(
  world: World,
  statements: readonly string[],
  channel: Channel = 'driver',
): Promise<string | null> {
  const before = await rowsOfGlobex(world);
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
  } else {
    const client = await world.bare();
    await client.query('begin');
    await enterBare(client, world, world.acme);
    for (const text of statements) {
      await client.query('savepoint attack').catch(() => {});
      const answer = client.query(text);
      await note(answer);
      // Only after an error: a savepoint undone would undo the attack's SET too.
      await answer.catch(() => client.query('rollback to savepoint attack').catch(() => {}));
    }
    await client.query('commit');
    await client.end();
  }

  const told = JSON.stringify(seen);
  const at = told.indexOf(CANARY);
  if (at >= 0) {
    return `read: ${told.slice(Math.max(0, at - 40), at + 60)}`;
  }
  return before === (await rowsOfGlobex(world)) ? null : 'changed a row of globex';
}
