import type pg from 'pg';
import { readSqlFile } from '../db/sql/sql-file.ts';
import type { ProofKey } from '../tenancy/context/keys.ts';
import type { TenantDatabase } from '../tenancy/context/with-tenant.ts';
import type { ContextMode } from '../tenancy/install/shared-files.ts';
import { PROTECT } from '../tenancy/migrations/apply-migrations.ts';
import type { TenantId } from '../tenancy/registry/tenant.ts';

/** A text that occurs only in rows of globex. */
export const CANARY = 'canary-8d1f3c';

/** The number of rows of globex.attack_counts. No other number in the database equals it. */
export const ROW_COUNT = 8191;

/** A value that rows of globex contain. An oracle distinguishes it from WRONG, which no row contains. */
export const RIGHT: Guess = { name: 'known-5b1c', id: 900_001 };
export const WRONG: Guess = { name: 'known-0000', id: 900_002 };
export type Guess = Readonly<{ name: string; id: number }>;

/** One of the two tenants. Attacks use the names acme and globex, whatever the actual schema names are. */
export type AttackTenant = Readonly<{ id: TenantId; schema: string; role: string }>;

/** Two tenants of one database, and every kind of access that an attacker could have. */
export type AttackContext = Readonly<{
  contextMode: ContextMode;
  /** The attacker. */
  acme: AttackTenant;
  /** The tenant under attack. */
  globex: AttackTenant;
  /** Name, in the schema `global`, of the global table under attack. Attacks use the name attack_texts. */
  globalTable: string;
  tenantDatabase: TenantDatabase;
  /** The first key signs proofs. */
  keys: readonly [ProofKey, ...ProofKey[]];
  /** Opens a connection of the service's login without our driver. The caller ends it. */
  bare: () => Promise<pg.Client>;
  /**
   * Runs a statement in the schema of one of the two, as a role that bypasses all walls, and returns
   * its rows.
   */
  inside: (member: AttackTenant, text: string) => Promise<readonly Record<string, unknown>[]>;
  /** As `inside`, with the role and path of a migration of that tenant. */
  migrating: (member: AttackTenant, text: string) => Promise<readonly Record<string, unknown>[]>;
  /** Runs a statement in a transaction of the owner of the global tables, and returns its rows. */
  asGlobalOwner: (text: string) => Promise<readonly Record<string, unknown>[]>;
}>;

/** Replaces the names acme, globex and attack_texts in the text of an attack by the actual ones. */
export const named = (
  { acme, globex, globalTable }: Pick<AttackContext, 'acme' | 'globex' | 'globalTable'>,
  text: string,
): string =>
  text
    .replaceAll(/\b(?:acme|globex)\b/g, (name) => (name === 'acme' ? acme : globex).schema)
    .replaceAll(/\battack_texts/g, globalTable);

/** Creates the tables that the attacks use in each tenant, and protects them as a tenant migration does. */
export async function createAttackTables(
  { migrating }: Pick<AttackContext, 'migrating'>,
  tenants: readonly AttackTenant[],
): Promise<void> {
  const text = await readSqlFile('attacks/tables.sql');
  for (const tenant of tenants) {
    await migrating(tenant, `${text};\n${PROTECT}`);
  }
}

/** Creates the global table that the attacks use, and protects it as a global migration does. */
export async function createGlobalAttackTable({
  globalTable,
  asGlobalOwner,
}: Pick<AttackContext, 'globalTable' | 'asGlobalOwner'>): Promise<void> {
  await asGlobalOwner(
    await readSqlFile('attacks/global-table.sql', {
      table: globalTable,
      primary_key: `${globalTable}_pkey`,
      unique_code: `${globalTable}__code`,
    }),
  );
}

/** The tables of sql/attacks/tables.sql. */
export const ATTACK_TABLES = ['attack_people', 'attack_notes', 'attack_ranges', 'attack_counts'];

/** Returns a query for the rows of a tenant that attacks could change. */
const rowsQuery = (schema: string, further = ''): string =>
  `select (select json_agg(n order by n.id) from ${schema}.attack_notes as n) as notes,
          (select json_agg(p order by p.id) from ${schema}.attack_people as p) as people,
          (select json_agg(r order by r.id) from ${schema}.attack_ranges as r) as ranges,
          (select s.last_value || ' ' || s.is_called from ${schema}.attack_notes_id_seq as s) as counter${further}`;

/** Returns all that `plant` writes, as text. */
async function readPlanted({ inside }: AttackContext, member: AttackTenant): Promise<string> {
  const { schema } = member;
  const counters = ['attack_people', 'attack_ranges'].map(
    (table) =>
      `(select s.last_value || ' ' || s.is_called from ${schema}.${table}_id_seq as s) as ${table}_counter`,
  );
  return JSON.stringify(await inside(member, rowsQuery(schema, `, ${counters.join(', ')}`)));
}

/** What `plant` wrote last. */
const lastPlanted = new WeakMap<AttackTenant, string>();

/** The rows of the global table: id, code and name. An attack that inserts a row gets an id before these. */
const TEXTS = [
  ['1001', 'one', 'first'],
  ['1002', 'two', 'second'],
] as const;

/** Returns an expression for the rows of the global table. */
const textsOf = ({ globalTable }: Pick<AttackContext, 'globalTable'>): string =>
  `(select json_agg(array[g.id::text, g.code, g.name] order by g.id) from global.${globalTable} as g)`;

async function plantTexts(context: AttackContext): Promise<void> {
  const { globalTable, asGlobalOwner } = context;
  const [row] = await asGlobalOwner(`select ${textsOf(context)} as texts`);
  if (JSON.stringify(row?.texts) !== JSON.stringify(TEXTS)) {
    const values = TEXTS.map(([id, code, name]) => `(${id}, '${code}', '${name}')`);
    await asGlobalOwner(
      `delete from global.${globalTable};
       insert into global.${globalTable} (id, code, name) values ${values.join(', ')}`,
    );
  }
}

/**
 * Inserts rows with the same ids into both tenants, so that only the walls separate them, and the rows
 * of the global table. Skips what still has the rows and counters of the last call: truncating is expensive.
 */
export async function plant(context: AttackContext): Promise<void> {
  await plantTexts(context);
  for (const member of [context.acme, context.globex]) {
    const last = lastPlanted.get(member);
    if (last === undefined || last !== (await readPlanted(context, member))) {
      await plantRows(context, member);
      lastPlanted.set(member, await readPlanted(context, member));
    }
  }
}

async function plantRows({ globex, inside }: AttackContext, member: AttackTenant): Promise<void> {
  const { schema } = member;
  const mark = member === globex ? CANARY : 'own';
  await inside(
    member,
    `truncate ${schema}.attack_notes, ${schema}.attack_people, ${schema}.attack_ranges restart identity;
     insert into ${schema}.attack_people (id, name, email) values (1, 'alice', '${mark}@example.com');
     insert into ${schema}.attack_notes (id, name, author_id)
     values (1, '${mark} one', 1), (2, '${mark} two', 1);
     insert into ${schema}.attack_ranges (id, span) values (1, '[1, 10]')`,
  );
  // An attack that inserts rows gets ids after the planted ones.
  await inside(
    member,
    `select setval('${schema}.attack_people_id_seq', 1000), setval('${schema}.attack_notes_id_seq', 1000)`,
  );
  if (member === globex) {
    await inside(
      globex,
      `insert into ${schema}.attack_notes (id, name) values (${RIGHT.id}, '${CANARY} nine');
       insert into ${schema}.attack_people (id, name, email)
       values (${RIGHT.id}, '${RIGHT.name}', '${RIGHT.name}@example.com');
       insert into ${schema}.attack_ranges (id, span) values (2, int8range(${RIGHT.id}, ${RIGHT.id}, '[]'))`,
    );
  }
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
export async function rowsOfGlobex(context: AttackContext): Promise<string> {
  const { globex, inside } = context;
  return JSON.stringify(await inside(globex, rowsQuery(globex.schema, `, ${textsOf(context)} as texts`)));
}
