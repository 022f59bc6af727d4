import { OperatorError } from '../../../errors.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; readOnly?: true; history?: string };

export const shellCommand: CliCommand<Options> = {
  name: 'shell',
  summary: 'Open a Node.js shell inside one tenant.',

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--read-only', 'reject writes')
      .option('--history <file>', 'file for the input history; default: history ends with the session')
      .addHelpText(
        'after',
        '\nEach line is one transaction, with tx and sql. .begin starts a transaction of several\nlines; .commit and .rollback end it. Without a terminal, lines are read from standard input.',
      ),

  async run({ schema: name, readOnly, history }, deps) {
    if (history !== undefined && !deps.stdio.interactive) {
      throw new OperatorError('usage_invalid', '--history needs a terminal.');
    }
    const [{ openTenant }, { readSettings }, { runTenantShell }] = await Promise.all([
      import('../../framework/tenant-database.ts'),
      import('./run-in-tenant.ts'),
      import('./tenant-shell.ts'),
    ]);
    const open = await openTenant(name, deps);
    try {
      const settings = await readSettings(open, deps.project);
      await runTenantShell({
        ...deps.stdio,
        open,
        settings,
        readOnly: readOnly === true,
        history: history ?? null,
        print: deps.print,
      });
    } finally {
      await open.close();
    }
  },
};
