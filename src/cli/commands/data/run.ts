import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; readOnly?: true };

export const runScript: CliCommand<Options> = {
  name: 'run',
  summary: 'Run the default export of a module in a transaction inside one tenant.',

  declare: (parser) =>
    parser
      .argument('<script>', 'a module, .ts or .js')
      .argument('[args...]', 'arguments of the script; its options after --')
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--read-only', 'reject writes')
      .addHelpText(
        'after',
        '\nThe script is called with { tx, sql, schema, settings, args, print }. An error rolls back its transaction.',
      ),

  async run({ schema, readOnly }, deps, [file = '', ...args]) {
    const { runScriptInTenant } = await import('./run-script.ts');
    await runScriptInTenant({ schema, file, args, readOnly: readOnly === true }, deps);
  },
};
