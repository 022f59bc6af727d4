import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; command?: string; readOnly?: true; json?: true };

export const sqlCommand: CliCommand<Options> = {
  name: 'sql',
  summary: 'Open a SQL shell inside one tenant, or run statements with -c.',

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option(
        '-c, --command <sql>',
        'run these statements, separated by semicolons, or one backslash command, and exit',
      )
      .option('--read-only', 'reject writes')
      .option('--json', 'print one JSON result per statement')
      .addHelpText(
        'after',
        '\nEach statement is one transaction, with the rights of a request of the tenant.\nWithout -c, statements are read from standard input; on a terminal, \\? prints help.',
      ),

  async run({ schema, command, readOnly, json }, deps) {
    const { runSql } = await import('./run-sql.ts');
    await runSql({ schema, command, readOnly: readOnly === true, json: json === true }, deps);
  },
};
