import { OperatorError } from '../../../errors.ts';
import type { CliCommand } from '../../framework/command.ts';
import {
  type Commands,
  findTenantCommand,
  namesSchema,
  runCommand,
} from '../../framework/tenant-commands.ts';

type Options = { schema?: string };

/** Creates the equivalent of `tenant_command` of django-tenants. */
export const tenantCommand = (commands: Commands): CliCommand<Options> => ({
  name: 'tenant-command',
  inTenant: false,
  summary: "Run a command that takes --schema in one tenant. Django's command names are accepted.",
  audited: false,

  declare: (parser) =>
    parser
      .argument('<command>', 'for example createsuperuser, loaddata, sql')
      .argument('[words...]', 'its arguments and options, including --json and --help')
      .option('--schema <name>', 'the tenant; may also follow the command')
      .passThroughOptions(),

  async run({ schema }, deps, [word = '', ...words]) {
    const command = findTenantCommand(commands(), word, deps.project);
    const wantsHelp = words.some((option) => option === '--help' || option === '-h');
    if (!wantsHelp && (schema === undefined) !== namesSchema(words)) {
      throw new OperatorError(
        'usage_invalid',
        schema === undefined
          ? `--schema is missing, for example: tenant-command ${command.name} --schema acme.`
          : '--schema was given more than once.',
      );
    }
    await runCommand(command, [...(schema === undefined ? [] : ['--schema', schema]), ...words], deps);
  },
});
