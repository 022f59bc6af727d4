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

/** The tables of sql/attacks/tables.sql. */
export const ATTACK_TABLES = ['attack_people', 'attack_notes', 'attack_ranges', 'attack_counts'];

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
