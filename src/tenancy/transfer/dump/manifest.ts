import { z } from 'zod';

import { type DomainError, OperatorError } from '../../../errors.ts';
import { domainName, schemaName, tenantId, tenantName } from '../../registry/tenant.ts';
import { areUnique, sequenceState, tableShape } from '../copy/tables.ts';

/** Incremented when older code would misread a file of the new format. */
export const FORMAT = 1;

export const HEADER = 'koa-tenants.json';
export const MANIFEST = 'manifest.json';
export const SEAL = 'manifest.sha256';

/** Maximum number of tables, sequences, migrations or domains of a dump. See docs/limits.md. */
export const MAX_ITEMS = 20_000;

/** Maximum bytes of a part. A part is held in memory. */
export const MAX_PART_BYTES = 1 << 20;

/** Maximum bytes of each kind of entry. */
const MAX_ENTRY_BYTES: Readonly<Record<string, number>> = {
  [HEADER]: 1_024,
  [MANIFEST]: 16 << 20,
  [SEAL]: 64,
};

/** Returns the maximum bytes of the entry `name`. */
export const maxEntryBytes = (name: string): number => MAX_ENTRY_BYTES[name] ?? MAX_PART_BYTES;

/**
 * Returns the entry name of part `part` of table `table`. Numbers, so that a table's name cannot
 * become a path.
 */
export const partName = (table: number, part: number): string =>
  `data/${String(table).padStart(6, '0')}/${String(part).padStart(6, '0')}.copy`;

const header = z.strictObject({ format: z.literal('koa-tenants dump'), version: z.int().positive() });

const count = z.int().nonnegative();

const dumpedTable = tableShape
  .extend({
    rows: count,
    bytes: count,
    /** SHA-256 of the COPY text, in hex. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  })
  // Every row ends with a line feed.
  .refine(({ rows, bytes }) => rows <= bytes && (rows > 0 || bytes === 0), { path: ['rows'] });

/** A date as PostgreSQL writes it under DateStyle ISO. */
const day = z.string().regex(/^(?:\d{4,7}-\d{2}-\d{2}(?: BC)?|-?infinity)$/);

/** An integer of PostgreSQL that can still be incremented once. */
const generation = z.int().positive().max(2_147_483_646);

const manifest = z.strictObject({
  version: z.literal(FORMAT),
  made_at: z.iso.datetime(),
  postgres: z.string().max(200),
  tenant: z.strictObject({
    id: tenantId,
    schema_name: schemaName,
    name: tenantName,
    status: z.enum(['active', 'suspended', 'maintenance', 'moving', 'deleted']),
    on_trial: z.boolean(),
    paid_until: day.nullable(),
    /** The tenant's overrides. `restoreTenant` validates them. */
    settings: z.record(z.string(), z.unknown()),
    key_generation: generation,
  }),
  /** The primary one first. */
  domains: z.array(domainName).max(MAX_ITEMS).refine(areUnique),
  migrations: z.array(z.string().min(1).max(255)).max(MAX_ITEMS).refine(areUnique),
  tables: z
    .array(dumpedTable)
    .max(MAX_ITEMS)
    .refine((tables) => areUnique(tables.map(({ name }) => name))),
  sequences: z
    .array(sequenceState)
    .max(MAX_ITEMS)
    .refine((sequences) => areUnique(sequences.map(({ name }) => name))),
});

/** The metadata of a dump. At its end, because it is complete only when all rows have been read. */
export type Manifest = Readonly<z.infer<typeof manifest>>;
export type DumpedTable = Manifest['tables'][number];

export const damaged = (what: string): DomainError =>
  new OperatorError(
    'dump_invalid',
    `The dump is damaged or incomplete: ${what}. Nothing was created. Use another copy of the file.`,
  );

const json = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};

/**
 * Checks the header of a dump.
 *
 * @throws OperatorError `dump_invalid` for a file that is not a dump, or one of newer code
 */
export function assertHeader(bytes: Buffer): void {
  const found = header.safeParse(json(bytes));
  if (!found.success) {
    throw damaged('its header is wrong');
  }
  if (found.data.version > FORMAT) {
    throw new OperatorError(
      'dump_invalid',
      `This dump has format ${found.data.version}, and this release reads up to ${FORMAT}. Use the release that wrote it, or a newer one.`,
    );
  }
}

/** Returns the place and, if the schema names it, the reason of a manifest's first error. */
function faultOf({ issues: [issue] }: z.ZodError): string {
  const at = issue?.path.join('.') ?? '';
  return issue?.code === 'custom' && issue.message !== 'Invalid input'
    ? `"${at}" (${issue.message})`
    : `"${at}"`;
}

/**
 * Parses a manifest.
 *
 * @throws OperatorError `dump_invalid`
 */
export function parseManifest(bytes: Buffer): Manifest {
  const found = manifest.safeParse(json(bytes));
  if (!found.success) {
    throw damaged(`its manifest is invalid at ${faultOf(found.error)}`);
  }
  return found.data;
}

/**
 * Returns the bytes of a manifest that `parseManifest` accepts.
 *
 * @throws OperatorError `precondition_failed` naming the value that a reader would reject
 */
export function formatManifest(made: unknown): Readonly<{ manifest: Manifest; bytes: Buffer }> {
  const bytes = Buffer.from(JSON.stringify(made, null, 2));
  const found = manifest.safeParse(json(bytes));
  if (!found.success || bytes.length > maxEntryBytes(MANIFEST)) {
    throw new OperatorError(
      'precondition_failed',
      found.success
        ? `The tenant cannot be dumped: its manifest would be longer than ${maxEntryBytes(MANIFEST)} bytes.`
        : `The tenant cannot be dumped, because restore-tenant would reject ${faultOf(found.error)}. Change it first.`,
    );
  }
  return { manifest: found.data, bytes };
}
