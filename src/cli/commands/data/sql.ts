import { translateViolation } from '../../../db/violations.ts';
import { OperatorError } from '../../../errors.ts';
import {
  postgresSentence,
  runStatement,
  type StatementResult,
  TEXT_TYPES,
} from '../../../tenancy/context/run-statement.ts';
import type { CliCommand } from '../../framework/command.ts';
import { jsonRows } from '../../framework/json-rows.ts';
import { resultTable } from '../../framework/result-table.ts';
import { openTenant } from '../../framework/tenant-database.ts';
import { allStatements, runShell, statementOf } from './sql-shell.ts';

type Options = { schema: string; command?: string; readOnly?: true; json?: true };

/** Converts an error for the author of the statement: PostgreSQL's message, or the reason why it was not sent. */
const explainStatement = (error: unknown): unknown => {
  const sentence = postgresSentence(error);
  return sentence === null ? translateViolation(error) : new OperatorError('command_failed', sentence);
};

const describe = (result: StatementResult): string =>
  result.columns.length === 0
    ? `${result.command} ${result.rowCount}`
    : `${resultTable(result)}\n(${result.rowCount} ${result.rowCount === 1 ? 'row' : 'rows'})`;

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

  async run({ schema: name, command, readOnly, json }, deps) {
    const { print, stdio } = deps;
    const { schema, tenant, tenantDatabase, close } = await openTenant(name, deps, TEXT_TYPES);
    const results: StatementResult[] = [];
    const execute = async (text: string): Promise<void> => {
      const result = await runStatement(tenantDatabase, {
        tenant,
        text,
        readOnly: readOnly === true,
      }).catch((error: unknown) => {
        throw explainStatement(error);
      });
      if (json) {
        results.push(result);
      } else {
        print(describe(result));
      }
    };
    try {
      if (command === undefined) {
        await runShell({
          ...stdio,
          schema,
          execute,
          print,
          explain: (error) => (error instanceof Error ? error.message : String(error)),
        });
      } else {
        const text = command.trim();
        const sql = text.startsWith('\\') ? (statementOf(text, print) ?? '') : command;
        for (const statement of allStatements(sql)) {
          await execute(statement);
        }
      }
    } finally {
      if (json) {
        print(
          JSON.stringify(
            results.map((result) => ({
              command: result.command,
              row_count: result.rowCount,
              rows: jsonRows(result),
            })),
          ),
        );
      }
      await close();
    }
  },
};
