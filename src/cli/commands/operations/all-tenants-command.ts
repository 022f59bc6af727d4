import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { OperatorError } from '../../../errors.ts';
import { type Outcome, runInTenants } from '../../../tenancy/context/run-in-tenants.ts';
import { listTenants } from '../../../tenancy/registry/registry.ts';
import { selectTenants } from '../../../tenancy/registry/select-tenants.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { integerOption } from '../../framework/integer-option.ts';
import {
  type Commands,
  findTenantCommand,
  namesSchema,
  optionsOf,
  runCommand,
} from '../../framework/tenant-commands.ts';

type Options = {
  type?: string;
  only?: string;
  exclude?: string;
  jobs: number;
  continueOnError?: true;
  dryRun?: true;
  json?: true;
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Throws the expected error for an error of the database. */
async function throwTranslated(error: unknown): Promise<never> {
  const { translateViolation } = await import('../../../db/violations.ts');
  throw translateViolation(error);
}

/** Buffers the output of a command in one tenant until it ends, so that lines of several tenants do not mix. */
function bufferOutput(deps: CliDeps, jobs: number): { deps: CliDeps; output: string[] } {
  const output: string[] = [];
  const keep = (line: string): void => void output.push(line);
  return {
    output,
    deps: {
      ...deps,
      print: keep,
      note: () => {},
      progress: () => ({ step: () => {}, stop: () => {} }),
      ask: (question, options) => {
        if (jobs > 1) {
          throw new OperatorError('usage_invalid', 'This command prompts for input. Run it with --jobs 1.');
        }
        return deps.ask(question, options);
      },
    },
  };
}

/** Returns an argument quoted for a shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

const describe = (outcome: Outcome<unknown>): string =>
  `${outcome.schema}: ${outcome.outcome}${outcome.outcome === 'failed' ? `: ${reasonOf(outcome.error)}` : ''}`;

/** Returns the output of a command for --json: parsed if it is JSON. */
function resultOf(outcome: Outcome<readonly string[]>): Record<string, unknown> {
  const { schema, outcome: how } = outcome;
  if (outcome.outcome === 'ok') {
    const text = outcome.value.join('\n');
    try {
      return { schema_name: schema, outcome: how, output: JSON.parse(text) };
    } catch {
      return { schema_name: schema, outcome: how, output: text };
    }
  }
  return outcome.outcome === 'failed'
    ? { schema_name: schema, outcome: how, error: reasonOf(outcome.error) }
    : { schema_name: schema, outcome: how };
}

async function schemasOf({ ownerUrl }: CliDeps, options: Options): Promise<readonly string[]> {
  const tenants = await withAdminConnection(connectionTo(await ownerUrl()), listTenants);
  return selectTenants(tenants, options)
    .filter(({ status }) => status !== 'deleted')
    .map(({ schema }) => schema);
}

/** Rejects an invalid option once, before the command runs in any tenant. */
const assertUsage = (command: CliCommand<never>, words: readonly string[], deps: CliDeps): Promise<void> =>
  runCommand({ ...command, audited: false, run: async () => {} }, ['--schema', 'any', ...words], deps);

export const allTenantsCommand = (commands: Commands): CliCommand<Options> => ({
  name: 'all-tenants-command',
  summary: 'Run a command that takes --schema in all or selected tenants.',
  audited: false,

  declare: (parser) =>
    parser
      .argument('<command>', 'for example sql, load-data, create-superuser')
      .argument('[words...]', 'its arguments and options; put -- before options that exist here too')
      .allowUnknownOption()
      .option('--type <type>', 'only tenants of this type')
      .option('--only <glob>', "only schemas that match, for example 'acme_*'")
      .option('--exclude <glob>', 'skip schemas that match')
      .option('--jobs <n>', 'number of parallel tenants', integerOption(1, 100), 1)
      .option('--continue-on-error', 'continue with other tenants after a failure')
      .option('--dry-run', 'print the tenants without running the command')
      .option('--json', 'print the outcome of every tenant as JSON'),

  async run(options, deps, [word = '', ...words]) {
    const command = findTenantCommand(commands(), word, deps.project);
    if (namesSchema(words)) {
      throw new OperatorError('usage_invalid', '--schema cannot be used here. Select tenants with --only.');
    }
    const { jobs } = options;
    const inner =
      options.json && optionsOf(command, deps.project).includes('--json') ? [...words, '--json'] : words;
    await assertUsage(command, inner, deps);
    const schemas = await schemasOf(deps, options);
    if (options.dryRun) {
      deps.print(
        options.json
          ? JSON.stringify({ command: command.name, tenants: schemas })
          : schemas
              .map((schema) => [command.name, '--schema', schema, ...words.map(quoted)].join(' '))
              .join('\n'),
      );
      return;
    }

    const bar = deps.progress(command.name, schemas.length);
    const outcomes = await runInTenants(
      schemas,
      { jobs, continueOnError: options.continueOnError === true },
      async (schema) => {
        const { deps: buffered, output } = bufferOutput(deps, jobs);
        await runCommand(command, ['--schema', schema, ...inner], buffered).catch(throwTranslated);
        return output;
      },
      (outcome) => {
        bar.step(describe(outcome));
        if (!options.json && outcome.outcome === 'ok') {
          for (const line of outcome.value.join('\n').split('\n')) {
            deps.print(`${outcome.schema}: ${line}`);
          }
        }
      },
    ).finally(bar.stop);
    if (options.json) {
      deps.print(JSON.stringify({ command: command.name, tenants: outcomes.map(resultOf) }));
    }
    report(outcomes, deps);
  },
});

/**
 * Prints the summary.
 *
 * @throws OperatorError `command_failed` when the command failed in any tenant
 */
function report(outcomes: ReadonlyArray<Outcome<unknown>>, { note }: Pick<CliDeps, 'note'>): void {
  const schemas = (how: Outcome<unknown>['outcome']): string[] =>
    outcomes.filter(({ outcome }) => outcome === how).map(({ schema }) => schema);
  const failed = schemas('failed');
  note(`${schemas('ok').length} ok, ${failed.length} failed, ${schemas('not run').length} not run.`);
  if (failed.length > 0) {
    throw new OperatorError('command_failed', `It failed in ${failed.join(', ')}. The reasons are above.`);
  }
}
