import { z } from 'zod';
import type { Config } from '../../config/config.ts';
import { counted } from '../../counted.ts';
import {
  defineOperation,
  type OperationContext,
  type OperationKind,
} from '../../tenancy/operations/operation-kind.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { locateTenant } from '../../tenancy/registry/locate-tenant.ts';
import { tablesOf } from '../../tenancy/registry/project.ts';
import { parseDomainName, type SchemaName } from '../../tenancy/registry/tenant.ts';
import { DUMP_NAME, dumpPath } from '../dump-files.ts';
import { blockSeconds, databaseOf, displayName, domain, newSchema } from './fields.ts';

type Counted = ReadonlyArray<Readonly<{ rows: number }>>;

const totals = (tables: Counted): Readonly<Record<string, number>> => ({
  tables: tables.length,
  rows: tables.reduce((sum, { rows }) => sum + rows, 0),
});

/** Returns hooks that report tables, and that end the operation between two tables after a cancellation. */
function tableHooks({ progress, log, signal }: OperationContext) {
  let total = 0;
  let done = 0;
  return {
    onStart: (tables: number) => {
      total = tables;
      progress(0, tables);
    },
    onTable: ({ name, rows }: Readonly<{ name: string; rows: number }>) => {
      signal.throwIfAborted();
      done += 1;
      log(`${name}: ${counted(rows, 'row')}`);
      progress(done, total, name);
    },
  };
}

const cloneKind = (config: Config) =>
  defineOperation({
    kind: 'clone-tenant',
    title: 'Clone tenant',
    description: 'Creates a tenant as a copy of another one, with or without its rows.',
    // The copy has the users of the original, and the links in their mails lead to its domain.
    superuserOnly: { tenant: true },
    cancelable: true,
    afterInterruption:
      'If a tenant with the new schema exists, the copy is complete: it is created in one transaction.',
    arguments: z.strictObject({
      schema: newSchema.meta({ title: 'Schema name of the copy' }),
      domains: z.array(domain).min(1).max(100).meta({
        title: 'Domains of the copy',
        description: 'The first one is the primary domain.',
      }),
      name: displayName.nullable().default(null).meta({
        title: 'Name of the copy',
        description: "Empty: the original's.",
      }),
      data: z.boolean().default(true).meta({ title: 'Copy rows' }),
      database: databaseOf(config),
    }),
    run: async (given, context) => {
      const { project, databases, tenant: from } = context;
      const { cloneTenant } = await import('../../tenancy/transfer/copy/clone-tenant.ts');
      const { id, tables, leftOut } = await cloneTenant(
        chooseDatabase(databases, MAIN).owner,
        await locateTenant(databases, from),
        chooseDatabase(databases, given.database),
        {
          project,
          from,
          schema: given.schema as SchemaName,
          name: given.name,
          domains: given.domains.map(parseDomainName),
          data: given.data,
          declarations: tablesOf(project),
          ...tableHooks(context),
        },
      );
      return { id, schema: given.schema, ...totals(tables), left_out: leftOut };
    },
  });

const dumpKind = ({ OPERATIONS_DIRECTORY: directory }: Config) =>
  defineOperation({
    kind: 'dump-tenant',
    title: 'Dump tenant',
    description:
      "Writes the tenant's rows to a file in the worker's OPERATIONS_DIRECTORY, from one snapshot.",
    // Before it is purged, too.
    statuses: ['active', 'suspended', 'maintenance', 'deleted'],
    repeatable: true,
    cancelable: true,
    arguments: z.strictObject({
      format: z.enum(['tenant', 'sql']).default('tenant').meta({
        title: 'Format',
        description: 'tenant: can be restored. sql: by pg_dump, for people and psql.',
      }),
    }),
    run: async ({ format }, context) => {
      const { project, databases, tenant } = context;
      const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
      const name = `${tenant}-${time}z.${format}`;
      const file = await dumpPath(directory, name);
      const { owner } = await locateTenant(databases, tenant);
      const declarations = tablesOf(project);
      if (format === 'sql') {
        const { dumpSql } = await import('../../tenancy/transfer/dump/dump-sql.ts');
        const { size } = await dumpSql(owner, tenant as SchemaName, { file, overwrite: false, declarations });
        return { dump: name, bytes: size };
      }
      const { dumpTenant } = await import('../../tenancy/transfer/dump/dump-tenant.ts');
      const { manifest, size } = await dumpTenant(owner, tenant, {
        project,
        file,
        overwrite: false,
        declarations,
        ...tableHooks(context),
      });
      return { dump: name, bytes: size, ...totals(manifest.tables) };
    },
  });

function restoreKind(config: Config): OperationKind {
  const { OPERATIONS_DIRECTORY: directory } = config;
  return defineOperation({
    kind: 'restore-tenant',
    title: 'Restore tenant',
    description: "Creates a tenant from a dump in the worker's OPERATIONS_DIRECTORY, in one transaction.",
    target: 'fleet',
    destroys: true,
    cancelable: true,
    afterInterruption:
      'If a tenant with the schema exists, the restore is complete: it is created in one transaction.',
    arguments: z.strictObject({
      dump: z
        .string()
        .regex(DUMP_NAME, 'it must be the name of a dump, such as acme-20270131t120000z.tenant')
        .meta({
          title: 'Dump',
          description: 'Name of the file, without a folder.',
          choices: 'dumps',
        }),
      schema: newSchema.nullable().default(null).meta({
        title: 'Schema name',
        description: 'Empty: that of the dump.',
      }),
      domains: z.array(domain).max(100).default([]).meta({
        title: 'Domains',
        description: 'The first one is the primary domain. Empty: those of the dump.',
      }),
      as_copy: z.boolean().default(false).meta({
        title: 'As a copy',
        description: 'Omits rows that belong to the original only, such as audit events.',
      }),
      database: databaseOf(config),
    }),
    run: async (given, context) => {
      const { project, databases } = context;
      const { restoreTenant } = await import('../../tenancy/transfer/dump/restore-tenant.ts');
      const restored = await restoreTenant(
        chooseDatabase(databases, MAIN).owner,
        chooseDatabase(databases, given.database),
        {
          project,
          file: await dumpPath(directory, given.dump),
          schema: given.schema as SchemaName | null,
          domains: given.domains.map(parseDomainName),
          asCopy: given.as_copy,
          declarations: tablesOf(project),
          ...tableHooks(context),
        },
      );
      return {
        id: restored.id,
        schema: restored.schema,
        domains: restored.domains,
        ...totals(restored.tables),
        left_out: restored.leftOut,
      };
    },
  });
}

const moveKind = (config: Config) =>
  defineOperation({
    kind: 'move-tenant',
    title: 'Move tenant',
    description: 'Moves a tenant to another database while it is served.',
    destroys: true,
    // The remains of an interrupted move are removed while the tenant is in status moving.
    statuses: ['active', 'suspended', 'maintenance', 'moving'],
    cancelable: true,
    afterInterruption:
      'If the tenant is still on its previous database, request the move again, or with "abort" to remove the remains.',
    arguments: z.strictObject({
      to: databaseOf(config).meta({ title: 'Target database', description: 'A name in DATABASES, or main.' }),
      online: z.boolean().default(false).meta({
        title: 'Online',
        description: 'Use logical replication, for large tenants.',
      }),
      abort: z.boolean().default(false).meta({
        title: 'Only clean up',
        description: 'Remove what an interrupted move has left, without moving.',
      }),
      block_seconds: blockSeconds.unwrap().max(30).default(5).meta({
        title: 'Seconds to block',
        description: 'Maximum seconds of the switch, for which requests wait.',
      }),
      keep_days: z.number().int().min(0).max(3_650).default(7).meta({
        title: 'Days to keep the old copy',
        description: '0: it is dropped.',
      }),
    }),
    run: async (given, context) => {
      const { project, databases, tenant, log, signal } = context;
      if (given.abort) {
        const { abortMove } = await import('../../tenancy/transfer/move/abort-move.ts');
        return { dropped: await abortMove(databases, tenant) };
      }
      const { moveTenant } = await import('../../tenancy/transfer/move/move-tenant.ts');
      const moved = await moveTenant(databases, tenant, {
        project,
        to: given.to,
        online: given.online,
        blockSeconds: given.block_seconds,
        keepDays: given.keep_days,
        ...tableHooks(context),
        ...(given.online ? { signal } : {}),
        onStep: (step) => log(step),
      });
      return { from: moved.from, to: moved.to, blocked_ms: moved.blocked, ...totals(moved.tables) };
    },
  });

/** Copies of tenants: clones, dumps, restores and moves. */
export const transferKinds = (config: Config): readonly OperationKind[] => [
  cloneKind(config),
  dumpKind(config),
  restoreKind(config),
  moveKind(config),
];
