import { z } from 'zod';
import type { Config } from '../../config/config.ts';
import { counted } from '../../counted.ts';
import { connectionTo } from '../../db/admin/connection-config.ts';
import type { Project } from '../../definition/define-project.ts';
import type { MigrationReport } from '../../tenancy/fleet/migration-report.ts';
import {
  defineOperation,
  type OperationContext,
  type OperationKind,
} from '../../tenancy/operations/operation-kind.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import type { Databases } from '../../tenancy/registry/locate-tenant.ts';
import { showProgress } from './lifecycle.ts';

/** Maximum rows of a result. Further ones are counted. */
const MAX_ROWS = 500;

const ownerUrlOf = (databases: Databases): string =>
  chooseDatabase(databases, MAIN).owner.connectionString ?? '';

const describeReport = (report: MigrationReport): Readonly<Record<string, unknown>> => ({
  shared: report.shared,
  tenants: report.tenants.length + report.concurrent.length,
  left: report.left,
  failures: report.failures.slice(0, MAX_ROWS).map(({ schema, error }) => ({ schema, message: error })),
});

const migrateKind = (project: Project, config: Config) =>
  defineOperation({
    kind: 'migrate',
    title: 'Migrate',
    description: "Migrates the shared schema and every tenant, or one tenant, to the worker's release.",
    target: 'tenant-or-fleet',
    superuserOnly: { fleet: true },
    repeatable: true,
    arguments: z.strictObject({
      jobs: z.number().int().min(1).max(64).default(2).meta({ title: 'Tenants at the same time' }),
      canary: z.number().int().min(0).max(10_000).default(0).meta({
        title: 'Canaries',
        description: 'Tenants to migrate first. The others follow only if all of them succeed.',
      }),
      continue_on_error: z.boolean().default(false).meta({
        title: 'Continue after a failure',
        description: 'With other tenants.',
      }),
    }),
    run: async (given, context) => {
      const { migrateFleet } = await import('../../cli/framework/fleet.ts');
      const { MigrationStopped } = await import('../../tenancy/fleet/migrate.ts');
      const show = showProgress(context);
      let step: (line: string) => void = context.log;
      try {
        const report = await migrateFleet(project, config, ownerUrlOf(context.databases), {
          shared: context.tenant === '',
          tenants: true,
          schema: context.tenant === '' ? null : context.tenant,
          jobs: given.jobs,
          canary: given.canary,
          continueOnError: given.continue_on_error,
          // All staff of the public site see the operation.
          hideValues: true,
          confirm: async (what, question) => {
            context.log(question);
            return what === 'canary';
          },
          onStart: (title, total) => {
            step = show(title, total).step;
          },
          onTenant: (line) => step(line),
        });
        return describeReport(report);
      } catch (error) {
        if (error instanceof MigrationStopped) {
          for (const { schema, error: message } of error.report.failures.slice(0, MAX_ROWS)) {
            context.log(`${schema} failed: ${message}`);
          }
        }
        throw error;
      }
    },
  });

const checkKind = (project: Project, config: Config) =>
  defineOperation({
    kind: 'check',
    title: 'Check isolation',
    description: 'Checks the isolation of every database. Each finding has a command that fixes it.',
    target: 'fleet',
    repeatable: true,
    arguments: z.strictObject({}),
    run: async (_given, { databases }) => {
      const { checkInstallation } = await import('../check-installation.ts');
      const findings = await checkInstallation(project, config, ownerUrlOf(databases));
      return { count: findings.length, findings: findings.slice(0, MAX_ROWS) };
    },
  });

const attackKind = (project: Project, config: Config) =>
  defineOperation({
    kind: 'attack-report',
    title: 'Run isolation report',
    description: 'Attacks one scratch tenant from another, without an effect on other tenants.',
    target: 'fleet',
    destroys: true,
    repeatable: true,
    cancelable: true,
    arguments: z.strictObject({}),
    run: async (_given, context) => {
      const { runAttacks } = await import('../../attacks/run-attacks.ts');
      const { attacksOfApps } = await import('../../attacks/attacks-of-apps.ts');
      let step: (line: string) => void = context.log;
      const verdicts = await runAttacks(
        {
          owner: chooseDatabase(context.databases, MAIN).owner,
          service: connectionTo(config.DATABASE_URL),
          project,
        },
        {
          signal: context.signal,
          onLeftOvers: (tenants) =>
            context.log(`Removed ${counted(tenants, 'tenant')} of an interrupted run.`),
          onStart: (total) => {
            step = showProgress(context)('Attacking', total).step;
          },
          onVerdict: ({ id, leak }) => step(leak === null ? `${id} held` : `${id} LEAK`),
        },
        await attacksOfApps(project.apps),
      );
      const leaks = verdicts.filter(({ leak }) => leak !== null);
      return {
        attacks: verdicts.length,
        leaks: leaks.length,
        verdicts: verdicts.map(({ id, name, walls, leak }) => ({ id, name, walls, leaked: leak !== null })),
      };
    },
  });

const driftKind = defineOperation({
  kind: 'drift',
  title: 'Find drift',
  description: "Compares tenants' schemas with their migrations.",
  target: 'tenant-or-fleet',
  repeatable: true,
  arguments: z.strictObject({}),
  run: async (_given, { project, databases, tenant }: OperationContext) => {
    const { findFleetDrift } = await import('../../tenancy/fleet/fleet-drift.ts');
    const { compared, drift, others } = await findFleetDrift(
      project,
      databases,
      tenant === '' ? null : tenant,
    );
    return {
      compared,
      drifted: drift.length,
      drift: drift.slice(0, MAX_ROWS),
      not_compared: others.slice(0, MAX_ROWS),
    };
  },
});

/** Migrations and checks of the fleet. */
export const fleetKinds = (project: Project, config: Config): readonly OperationKind[] => [
  migrateKind(project, config),
  checkKind(project, config),
  attackKind(project, config),
  driftKind,
];
