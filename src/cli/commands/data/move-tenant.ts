import { counted } from '../../../counted.ts';
import { OperatorError } from '../../../errors.ts';
import { parseSchemaName } from '../../../tenancy/registry/tenant.ts';
import type { MoveStep } from '../../../tenancy/transfer/move/move.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { countRows, withTableProgress } from '../../framework/table-progress.ts';

type Options = {
  schema: string;
  to?: string;
  online?: true;
  abort?: true;
  blockSeconds: string;
  keepDays: string;
  json?: true;
};

const MESSAGES: Partial<Record<MoveStep, string>> = {
  publish: 'waiting for open transactions to end',
  compare: 'comparing the copy with the source',
  follow: 'replicating changes',
  block: 'switching; requests wait',
};

function parseNumber(option: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < from || value > to) {
    throw new OperatorError('usage_invalid', `--${option} must be a whole number from ${from} to ${to}.`);
  }
  return value;
}

/** Returns a function that prints how far a copy lags, each time the lag has halved or doubled. */
function createLagReporter(note: (line: string) => void): (bytes: number) => void {
  let reported = 0;
  return (bytes) => {
    if (bytes > reported * 2 || bytes < reported / 2) {
      reported = bytes;
      note(`${counted(bytes, 'byte')} of WAL behind`);
    }
  };
}

/** Returns a signal that is aborted when the process receives a stop signal, so that the move cleans up. */
function abortOnStop(stopped: CliDeps['stopped'], schema: string): AbortSignal {
  const ending = new AbortController();
  void stopped().then(() =>
    ending.abort(
      new OperatorError(
        'command_failed',
        `The move was stopped. ${schema} is still on its previous database.`,
      ),
    ),
  );
  return ending.signal;
}

async function abort(schema: string, { json }: Options, deps: CliDeps): Promise<void> {
  const { abortMove } = await import('../../../tenancy/transfer/move/abort-move.ts');
  const dropped = await abortMove(databasesOf(await deps.config(), await deps.ownerUrl()), schema);
  if (json) {
    deps.print(JSON.stringify({ schema, dropped }));
    return;
  }
  for (const one of dropped) {
    deps.print(`Dropped ${one}.`);
  }
  if (dropped.length === 0) {
    deps.print(`There are no remains of a move of ${schema}.`);
  }
}

export const moveTenantCommand: CliCommand<Options> = {
  name: 'move-tenant',
  summary: 'Move a tenant to another database while it is served.',
  audited: ({ to = null, online = false, abort: isAbort = false }) => ({ to, online, abort: isAbort }),

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .option('--to <database>', 'target database: main, or a name in DATABASES')
      .option('--online', 'use logical replication; for large tenants')
      .option('--abort', 'clean up after an aborted move, without moving')
      .option('--block-seconds <n>', 'maximum seconds that switching; requests wait, 1 to 30', '5')
      .option('--keep-days <n>', 'days to retain the schema on the source; 0: drop it', '7')
      .option('--json', 'print the result as JSON'),

  async run(options, deps) {
    const { schema, to, online = false, blockSeconds, keepDays, json } = options;
    const { config, ownerUrl, print, note, progress, stopped } = deps;
    const name = parseSchemaName(schema);
    if (options.abort) {
      if (to !== undefined || online) {
        throw new OperatorError('usage_invalid', '--abort cannot be combined with --to or --online.');
      }
      return abort(name, options, deps);
    }
    if (to === undefined) {
      throw new OperatorError('usage_invalid', '--to is required: the target database.');
    }
    const limits = {
      blockSeconds: parseNumber('block-seconds', blockSeconds, 1, 30),
      keepDays: parseNumber('keep-days', keepDays, 0, 3650),
    };
    const { moveTenant } = await import('../../../tenancy/transfer/move/move-tenant.ts');
    const databases = databasesOf(await config(), await ownerUrl());
    const watched = online
      ? {
          online,
          signal: abortOnStop(stopped, name),
          onStep: (step: MoveStep) => {
            if (MESSAGES[step]) {
              note(MESSAGES[step]);
            }
          },
          onBehind: createLagReporter(note),
        }
      : {};
    const moved = await withTableProgress(progress, `Moving ${name} to ${to}`, (hooks) =>
      moveTenant(databases, name, { project: deps.project, to, ...limits, ...hooks, ...watched }),
    );
    print(
      json
        ? JSON.stringify({ schema: name, ...moved })
        : `Tenant ${name} moved from ${moved.from} to ${moved.to}.`,
    );
    note(`${countRows(moved.tables)}; requests waited for ${moved.blocked} ms.`);
    const early = moved.tables.filter(({ verified }) => verified === 'snapshot');
    if (early.length > 0) {
      note(
        `Compared after the copy only, not at the switch: ${early.map((table) => table.name).join(', ')}.`,
      );
    }
    if (limits.keepDays > 0) {
      note(
        `${moved.from} retains a copy for ${counted(limits.keepDays, 'day')}. \`drop-retained-copies\` then drops it.`,
      );
    }
  },
};
