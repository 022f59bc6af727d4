import { firstWord } from '../../db/driver/statement.ts';
import { maskLiterals } from '../../db/sql/mask-literals.ts';
import { splitStatements } from '../../db/sql/split-statements.ts';
import type { SqlFault } from './parse-sql.ts';

/** First keywords of statements that would change the transaction of the migration. */
const TRANSACTION = new Set(['begin', 'start', 'commit', 'rollback', 'abort', 'savepoint', 'release']);

const SPACE_OR_COMMENT = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;
const CONCURRENTLY =
  /^(?:(?:create\s+(?:unique\s+)?|drop\s+|re)index\b[^;]*?\bconcurrently\b|reindex\b[^;]*?\bconcurrently\b|refresh\s+materialized\s+view\s+concurrently\b|alter\s+table\b[^;]*?\bdetach\s+partition\b[^;]*?\bconcurrently\b)/i;
const EXTENSION = /^(?:create|alter|drop)\s+extension\b/i;
/** A foreign key to a global table. */
const GLOBAL_KEY = /\breferences\s+(?:global|"global")\s*\./i;

function faultOf(statement: string, concurrent: boolean): string | null {
  const keyword = firstWord(statement);
  if (EXTENSION.test(statement)) {
    return 'extensions belong to the database, not to a tenant: declare the extension with `extensions` in defineApp() or defineProject()';
  }
  if (GLOBAL_KEY.test(maskLiterals(statement))) {
    return 'a foreign key to a global table would lock rows that all tenants share: store the value, and validate it in the app';
  }
  if (TRANSACTION.has(keyword)) {
    return `"${keyword}" is not allowed: the engine begins and ends the transaction of a migration`;
  }
  if (!concurrent && CONCURRENTLY.test(statement)) {
    return 'CONCURRENTLY cannot run in a transaction: move the statement to the folder of concurrent migrations';
  }
  return null;
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

type Kind = Readonly<{ concurrent: boolean; shared?: boolean }>;

/** Results by kind and text. The parser is expensive, and a process that creates tenants loads the same files often. */
const known = new Map<string, Promise<readonly string[]>>();

/**
 * Returns the problems in the SQL of a migration, one sentence with the line for each statement:
 * syntax, transaction control, CONCURRENTLY where it cannot run, and in tenant migrations the name of
 * a schema.
 */
export function validateSql(text: string, kind: Kind): Promise<readonly string[]> {
  const key = `${kind.concurrent} ${kind.shared === true} ${text}`;
  const faults = known.get(key) ?? findFaults(text, kind);
  known.set(key, faults);
  return faults;
}

async function findFaults(text: string, { concurrent, shared = false }: Kind): Promise<readonly string[]> {
  const { statements, rest } = splitStatements(text);
  const faults: SqlFault[] = [];
  let from = 0;
  for (const statement of [...statements, rest]) {
    const at = text.indexOf(statement, from);
    from = at + statement.length;
    const [leading = ''] = SPACE_OR_COMMENT.exec(statement) ?? [];
    const fault = faultOf(statement.slice(leading.length), concurrent);
    if (fault !== null) {
      faults.push({ line: lineOf(text, at + leading.length), fault });
    }
  }
  // 2 MB of WebAssembly: loaded only when migrations are validated.
  const { findQualifiedNames } = await import('./qualified-names.ts');
  const { findSyntaxError } = await import('./parse-sql.ts');
  const syntax = shared ? [await findSyntaxError(text)] : await findQualifiedNames(text);
  faults.push(...syntax.filter((fault) => fault !== null));
  return faults.map(({ line, fault }) => `line ${line}: ${fault}`);
}
