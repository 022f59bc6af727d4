import { counted } from '../../../counted.ts';
import { translateViolation } from '../../../db/violations.ts';
import { OperatorError } from '../../../errors.ts';
import {
  postgresSentence,
  runStatement,
  type StatementResult,
  TEXT_TYPES,
} from '../../../tenancy/context/run-statement.ts';
import type { CliDeps } from '../../framework/command.ts';
import { jsonRows } from '../../framework/json-rows.ts';
import { resultTable } from '../../framework/result-table.ts';
import { openTenant } from '../../framework/tenant-database.ts';
import { allStatements, runShell, statementOf } from './sql-shell.ts';

type SqlOptions = Readonly<{ schema: string; command: string | undefined; readOnly: boolean; json: boolean }>;

/** Converts an error for the author of the statement: PostgreSQL's message, or the reason why it was not sent. */
const explainStatement = (error: unknown): unknown => {
  const sentence = postgresSentence(error);
  return sentence === null ? translateViolation(error) : new OperatorError('command_failed', sentence);
};

const describe = (result: StatementResult): string =>
  result.columns.length === 0
    ? `${result.command} ${result.rowCount}`
    : `${resultTable(result)}\n(${counted(result.rowCount ?? 0, 'row')})`;

/** Runs statements of `command`, or of standard input, inside one tenant. Each is one transaction. */
export async function runSql(
  { schema: name, command, readOnly, json }: SqlOptions,
  deps: CliDeps,
): Promise<void> {
  const { print, stdio } = deps;
  const { schema, tenant, tenantDatabase, close } = await openTenant(name, deps, TEXT_TYPES);
  const results: StatementResult[] = [];
  const execute = async (text: string): Promise<void> => {
    const result = await runStatement(tenantDatabase, {
      tenant,
      text,
      readOnly,
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
}
