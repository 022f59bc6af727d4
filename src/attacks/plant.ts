import { type AttackContext, type AttackTenant, CANARY, RIGHT, ROW_COUNT } from './context.ts';

type Rows = Readonly<Record<string, unknown>>;

/** Returns a query for the rows of a tenant that attacks could change. */
const rowsQuery = (schema: string, further: readonly string[]): string =>
  `select ${[
    `(select json_agg(n order by n.id) from ${schema}.attack_notes as n) as notes`,
    `(select json_agg(p order by p.id) from ${schema}.attack_people as p) as people`,
    `(select json_agg(r order by r.id) from ${schema}.attack_ranges as r) as ranges`,
    `(select s.last_value || ' ' || s.is_called from ${schema}.attack_notes_id_seq as s) as counter`,
    ...further,
  ].join(',\n')}`;

/** The rows of the global table: id, code and name. An attack that inserts a row gets an id before these. */
const TEXTS = [
  ['1001', 'one', 'first'],
  ['1002', 'two', 'second'],
] as const;

/** Returns an expression for the rows of the global table. */
const textsOf = ({ globalTable }: Pick<AttackContext, 'globalTable'>): string =>
  `(select json_agg(array[g.id::text, g.code, g.name] order by g.id) from global.${globalTable} as g) as texts`;

/** Returns all that `plant` writes into a tenant, and the rows of the global table. */
async function readPlanted(context: AttackContext, member: AttackTenant): Promise<Rows> {
  const { schema } = member;
  const counters = ['attack_people', 'attack_ranges'].map(
    (table) =>
      `(select s.last_value || ' ' || s.is_called from ${schema}.${table}_id_seq as s) as ${table}_counter`,
  );
  const [rows] = await context.inside(member, rowsQuery(schema, [...counters, textsOf(context)]));
  return rows ?? {};
}

/** What `plant` wrote last, as text. */
const lastPlanted = new WeakMap<AttackTenant, string>();

/** The rows that `watchRows` read last, if they have not been planted again since. */
const lastWatched = new WeakMap<AttackContext, string>();

const plantTexts = ({ globalTable, asGlobalOwner }: AttackContext): Promise<unknown> =>
  asGlobalOwner(
    `delete from global.${globalTable};
     insert into global.${globalTable} (id, code, name)
     values ${TEXTS.map(([id, code, name]) => `(${id}, '${code}', '${name}')`).join(', ')}`,
  );

/**
 * Inserts rows with the same ids into both tenants, so that only the walls separate them, and the rows
 * of the global table. Skips what still has the rows and counters of the last call: truncating is expensive.
 */
export async function plant(context: AttackContext): Promise<void> {
  for (const member of [context.acme, context.globex]) {
    const found = await readPlanted(context, member);
    if (lastPlanted.get(member) !== JSON.stringify(found)) {
      lastWatched.delete(context);
      await plantRows(context, member);
      if (JSON.stringify(found.texts) !== JSON.stringify(TEXTS)) {
        await plantTexts(context);
      }
      lastPlanted.set(member, JSON.stringify(await readPlanted(context, member)));
    }
  }
}

async function plantRows({ globex, inside }: AttackContext, member: AttackTenant): Promise<void> {
  const { schema } = member;
  const mark = member === globex ? CANARY : 'own';
  const victims =
    member === globex
      ? `insert into ${schema}.attack_notes (id, name) values (${RIGHT.id}, '${CANARY} nine');
         insert into ${schema}.attack_people (id, name, email)
         values (${RIGHT.id}, '${RIGHT.name}', '${RIGHT.name}@example.com');
         insert into ${schema}.attack_ranges (id, span) values (2, int8range(${RIGHT.id}, ${RIGHT.id}, '[]'));`
      : '';
  // An attack that inserts rows gets ids after the planted ones.
  await inside(
    member,
    `truncate ${schema}.attack_notes, ${schema}.attack_people, ${schema}.attack_ranges restart identity;
     insert into ${schema}.attack_people (id, name, email) values (1, 'alice', '${mark}@example.com');
     insert into ${schema}.attack_notes (id, name, author_id)
     values (1, '${mark} one', 1), (2, '${mark} two', 1);
     insert into ${schema}.attack_ranges (id, span) values (1, '[1, 10]');
     ${victims}
     select setval('${schema}.attack_people_id_seq', 1000), setval('${schema}.attack_notes_id_seq', 1000)`,
  );
}

/**
 * Creates, once, further targets in globex: planner statistics that contain values, and a number of
 * rows and a sequence value that occur nowhere else.
 */
export async function plantStatistics({ globex, inside }: AttackContext): Promise<void> {
  const { schema } = globex;
  await inside(
    globex,
    `insert into ${schema}.attack_notes (id, name) select n + 10, '${CANARY} ' || (n % 5) from generate_series(1, 200) as n;
     update ${schema}.attack_notes set name = '${RIGHT.name}' where id between 111 and 210;
     analyze ${schema}.attack_notes;
     delete from ${schema}.attack_notes where id between 11 and 210;
     insert into ${schema}.attack_counts select from generate_series(1, ${ROW_COUNT})`,
  );
  // An open connection reports its counters after a second otherwise.
  await inside(globex, 'select pg_stat_force_next_flush()');
}

/** Returns all rows of globex and of the global table that an attack could change, as text. */
async function rowsOfGlobex(context: AttackContext): Promise<string> {
  const { globex, inside } = context;
  return JSON.stringify(await inside(globex, rowsQuery(globex.schema, [textsOf(context)])));
}

/**
 * Calls `work`. Returns its result, and whether the rows of globex or of the global table have changed since the end of the
 * previous call; since before this call if there is none, or if rows were planted after it. So each attack needs one
 * reading of the rows, and a change between two attacks is reported with the second one.
 */
export async function watchRows<T>(
  context: AttackContext,
  work: () => Promise<T>,
): Promise<Readonly<{ result: T; changed: boolean }>> {
  const before = lastWatched.get(context) ?? (await rowsOfGlobex(context));
  lastWatched.delete(context);
  const result = await work();
  const after = await rowsOfGlobex(context);
  lastWatched.set(context, after);
  return { result, changed: before !== after };
}
