import { counted } from '../../../counted.ts';
import { OperatorError } from '../../../errors.ts';
import { type ChangedFile, changedLine } from '../../../tenancy/fleet/changed-files.ts';
import {
  type MigrateOptions,
  type MigrationReport,
  MigrationStopped,
} from '../../../tenancy/fleet/migrate.ts';
import type { MigrationPlan } from '../../../tenancy/fleet/plan-migration.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { migrateFleet, planFleet } from '../../framework/fleet.ts';
import { integerOption } from '../../framework/integer-option.ts';
import type { Progress } from '../../framework/progress.ts';
import { schemaOption } from '../../framework/schema-option.ts';

type Options = {
  shared?: true;
  reinstall?: true;
  tenant?: true;
  schema?: string;
  histories?: true;
  jobs: number;
  canary?: number;
  continueOnError?: true;
  plan?: true;
  check?: true;
  fake?: true;
  acceptChanged?: true;
  to?: string;
  yes?: true;
  json?: true;
};

/**
 * Returns the scope that the options select.
 *
 * @throws OperatorError `usage_invalid` if they contradict each other
 */
function scopeOf({ shared, reinstall, tenant, schema, histories, to, fake, plan, check }: Options) {
  const aboutTenants = Boolean(tenant || schema !== undefined || to !== undefined || fake);
  if ((shared || reinstall) && (aboutTenants || histories)) {
    throw new OperatorError(
      'usage_invalid',
      `${shared ? '--shared' : '--reinstall'} cannot be combined with --tenant, --schema, --histories, --to or --fake.`,
    );
  }
  if (fake && (plan || check)) {
    throw new OperatorError('usage_invalid', '--fake cannot be combined with --plan or --check.');
  }
  return {
    shared: !aboutTenants,
    reinstall: reinstall === true,
    tenants: !shared,
    schema: schemaOption(schema),
    histories: histories === true,
    to,
  };
}

function printPlan({ install, shared, tenants }: MigrationPlan, { print }: CliDeps): void {
  for (const name of shared) {
    print(`shared   ${name}`);
  }
  if (install && shared.length === 0) {
    print('shared   reinstall roles, functions, keys, grants and hardening');
  }
  for (const { schema, apply, undo } of tenants) {
    print(
      `${schema}   ${[...undo.map((name) => `undo ${name}`), ...apply].join(', ') || 'nothing; its registry row differs from its migration history'}`,
    );
  }
}

function printReport({ shared, tenants, concurrent, undone }: MigrationReport, { print }: CliDeps): void {
  for (const name of shared) {
    print(`shared   ${name}`);
  }
  for (const { schema, applied } of tenants) {
    print(`${schema}   ${applied.join(', ')}`);
  }
  for (const { schema, applied } of concurrent) {
    print(`${schema}   ${applied.join(', ')} (outside a transaction)`);
  }
  for (const { schema, applied } of undone) {
    print(`${schema}   undone ${applied.join(', ')}`);
  }
}

/** Writes a line for each applied migration whose files have changed. */
function noteChanged(changed: readonly ChangedFile[], { note, red }: CliDeps): void {
  for (const file of changed) {
    note(`${red('changed')}  ${changedLine(file)}`);
  }
}

function summary(report: MigrationReport): string {
  const migrated = new Set(
    [report.tenants, report.concurrent, report.undone].flatMap((list) => list.map(({ schema }) => schema)),
  );
  return !report.installed && migrated.size === 0
    ? `Nothing to migrate (context: ${report.contextMode}).`
    : `Migrated${migrated.size > 0 ? ` ${counted(migrated.size, 'tenant')}` : ''} (context: ${report.contextMode}).`;
}

/** Prompts on a terminal. Elsewhere successful canaries are enough, and a reversal requires --yes. */
const confirmWith =
  ({ ask, terminal, note }: CliDeps, yes: boolean): NonNullable<MigrateOptions['confirm']> =>
  async (what, question) => {
    if (yes || (what === 'canary' && !terminal)) {
      note(question);
      return true;
    }
    if (!terminal) {
      note(`${question} Repeat with --yes to continue.`);
      return false;
    }
    return /^y(es)?$/i.test((await ask(`${question} Continue? [y/N] `)).trim());
  };

export const migrateCommand: CliCommand<Options> = {
  name: 'migrate',
  summary: 'Migrate the shared schema and every tenant to the version of the code, or to one migration.',
  audited: ({ plan, check, to = null, fake = false }) => (plan || check ? null : { to, fake }),

  declare: (parser) =>
    parser
      .option('--shared', 'only shared objects: roles, registry, keys, hardening')
      .option(
        '--reinstall',
        'reinstall shared objects even if they are up to date, after `check` found a change',
      )
      .option('--tenant', 'only tenants')
      .option('--schema <name>', 'only this tenant')
      .option('--histories', "compare with each tenant's migration history instead of its registry row")
      .option('--jobs <n>', 'number of parallel tenants, one connection each', integerOption(1, 64), 2)
      .option(
        '--canary <n>',
        'migrate this many tenants first, and the others only if all of them succeed',
        integerOption(1),
      )
      .option('--continue-on-error', 'continue with other tenants after a failure')
      .option('--to <migration>', 'migrate up or down to this tenant migration; zero undoes all')
      .option('--fake', 'record tenant migrations as applied without running them')
      .option('--accept-changed', 'accept changed files of applied migrations, which have the same result')
      .option('--plan', 'print the plan without running it')
      .option('--check', 'exit 1 if a migration is pending, without running it')
      .option('--yes', 'skip the confirmation prompt')
      .option('--json', 'print the result as JSON'),

  async run(options, deps) {
    const { json, plan, check, yes } = options;
    const { project, config, ownerUrl, print, note, progress } = deps;
    const scope = scopeOf(options);
    const [settings, owner] = [await config(), await ownerUrl()];

    if (plan || check) {
      const planned = await planFleet(project, settings, owner, scope);
      const pending = planned.install || planned.tenants.length > 0;
      if (json) {
        print(JSON.stringify(planned));
      } else if (plan) {
        printPlan(planned, deps);
      }
      const found = `${planned.install ? 'The shared schema and ' : ''}${counted(planned.tenants.length, 'tenant')} to migrate.`;
      if (check && pending) {
        throw new OperatorError('migration_pending', found);
      }
      noteChanged(planned.changed, deps);
      note(pending ? found : 'Nothing to migrate.');
      return;
    }

    let shown: Progress | null = null;
    const report = await migrateFleet(project, settings, owner, {
      ...scope,
      jobs: options.jobs,
      canary: options.canary ?? 0,
      continueOnError: options.continueOnError === true,
      fake: options.fake === true,
      acceptChanged: options.acceptChanged === true,
      confirm: (what, question) => {
        shown?.stop();
        shown = null;
        return confirmWith(deps, yes === true)(what, question);
      },
      onStart: (title, total) => {
        shown?.stop();
        shown = progress(title, total);
      },
      onTenant: (line) => shown?.step(line),
    })
      .catch((error: unknown) => {
        if (error instanceof MigrationStopped) {
          if (json) {
            print(JSON.stringify(error.report));
          } else {
            noteChanged(error.report.changed, deps);
          }
        }
        throw error;
      })
      .finally(() => shown?.stop());
    if (json) {
      print(JSON.stringify(report));
      return;
    }
    printReport(report, deps);
    noteChanged(report.changed, deps);
    if (report.newer) {
      note('The shared schema belongs to a newer release than this code and was not changed.');
    }
    note(summary(report));
  },
};
