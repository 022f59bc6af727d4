import { z } from 'zod';

import { DomainError } from '../../../errors.ts';
import { domainName, schemaName, tenantId } from '../../registry/tenant.ts';
import { sequenceState, tableShape } from '../copy/tables.ts';

/** Raised when a file of the new form would be misread by older code. */
export const FORMAT = 1;

export const HEADER = 'koa-tenants.json';
export const MANIFEST = 'manifest.json';
export const SEAL = 'manifest.sha256';

/** Where part `part` of table `table` stands in the file: numbers, so that no table's name becomes a path. */
export const partName = (table: number, part: number): string =>
  `data/${String(table).padStart(6, '0')}/${String(part).padStart(6, '0')}.copy`;

const header = z.strictObject({ format: z.literal('koa-tenants dump'), version: z.number() });

const dumpedTable = tableShape.extend({
  rows: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  /** Of the COPY text, in hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifest = z.strictObject({
  version: z.number(),
  made_at: z.iso.datetime(),
  postgres: z.string(),
  tenant: z.strictObject({
    id: tenantId,
    schema_name: schemaName,
    name: z.string(),
    status: z.string(),
    on_trial: z.boolean(),
    paid_until: z.iso.date().nullable(),
    settings: z.record(z.string(), z.unknown()),
    key_generation: z.number().int().positive(),
  }),
  /** The primary one first. */
  domains: z.array(domainName),
  migrations: z.array(z.string()),
  tables: z.array(dumpedTable),
  sequences: z.array(sequenceState),
});

/** What a dump says of itself, at its end: it is known only when all rows have been read. */
export type Manifest = Readonly<z.infer<typeof manifest>>;
export type DumpedTable = Manifest['tables'][number];

export const damaged = (what: string): DomainError =>
  new DomainError(
    'dump_invalid',
    `This is not a whole dump: ${what}. Nothing was created; use another copy of it.`,
  );

const json = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};

/** @throws DomainError `dump_invalid` for what is no dump, or one of newer code */
export function assertHeader(bytes: Buffer): void {
  const found = header.safeParse(json(bytes));
  if (!found.success) {
    throw damaged('it does not begin as one');
  }
  if (found.data.version > FORMAT) {
    throw new DomainError(
      'dump_invalid',
      `This dump has format ${found.data.version}, and this code reads up to ${FORMAT}: restore it with the code that wrote it, or newer.`,
    );
  }
}

/** @throws DomainError `dump_invalid` */
export function parseManifest(bytes: Buffer): Manifest {
  const found = manifest.safeParse(json(bytes));
  if (!found.success) {
    const [issue] = found.error.issues;
    throw damaged(`its manifest is wrong at "${issue?.path.join('.') ?? ''}"`);
  }
  return found.data;
}
