import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { firstWord } from '../../../db/driver/statement.ts';
import { splitStatements } from '../../../db/sql/split-statements.ts';

/** Returns the statements of a complete text. The last semicolon is optional. */
export function allStatements(text: string): readonly string[] {
  const { statements, rest } = splitStatements(text);
  return firstWord(rest) === '' ? statements : [...statements, rest];
}

/** Whether a text is complete: the last statement has its semicolon, and no literal or comment is open. */
function isComplete(text: string): boolean {
  const { rest, open } = splitStatements(text);
  return !open && firstWord(rest) === '';
}

const TABLES = `
  select c.relname as name, case c.relkind when 'v' then 'view' else 'table' end as kind
  from pg_catalog.pg_class as c
  where c.relnamespace = current_schema()::regnamespace
    and c.relkind in ('r', 'p', 'v')
  order by c.relname
`;

const columnsOf = (table: string): string => `
  select
    a.attname as name,
    format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as required,
    pg_get_expr(d.adbin, d.adrelid) as default
  from pg_catalog.pg_class as c
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid
  left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relnamespace = current_schema()::regnamespace
    and c.relname = '${table.replaceAll("'", "''")}'
    and a.attnum > 0
    and not a.attisdropped
  order by a.attnum
`;

const HELP = [
  'A statement ends with ; and is one transaction.',
  '\\dt  list tables and views    \\d <table>  list columns    \\q  quit    \\?  help',
];

export type Shell = Readonly<{
  input: Readable;
  output: Writable;
  /** Whether the input is a terminal. The shell then shows prompts and continues after an error. */
  interactive: boolean;
  schema: string;
  /** Runs one statement and prints its result. */
  execute: (statement: string) => Promise<void>;
  print: (line: string) => void;
  explain: (error: unknown) => string;
}>;

/** Returns the statement of a backslash command, an empty text if it has none, or null for the command to leave. */
export function statementOf(command: string, print: (line: string) => void): string | null {
  const [name, argument = ''] = command.split(/\s+/, 2);
  if (name === '\\q') {
    return null;
  }
  if (name === '\\dt' || (name === '\\d' && argument === '')) {
    return TABLES;
  }
  if (name === '\\d') {
    return columnsOf(argument);
  }
  for (const line of name === '\\?' ? HELP : [`Unknown command ${name}. \\? lists the commands.`]) {
    print(line);
  }
  return '';
}

/**
 * Reads statements until the end of the input or `\q`, and runs each when it is complete. The
 * history for the arrow keys is kept in memory only: it may contain values of a tenant's rows.
 *
 * @throws the error of `execute`, unless the shell is interactive
 */
export async function runShell(shell: Shell): Promise<void> {
  const { input, output, interactive, schema, execute, print, explain } = shell;
  const lines = createInterface({ input, output, terminal: interactive, historySize: 500 });
  let typed = '';
  const prompt = (): void => {
    lines.setPrompt(`${schema}${typed === '' ? '=' : '-'}> `);
    if (interactive) {
      lines.prompt();
    }
  };
  const run = async (text: string): Promise<void> => {
    for (const statement of allStatements(text)) {
      try {
        await execute(statement);
      } catch (error) {
        if (!interactive) {
          throw error;
        }
        print(explain(error));
        // The rest of the line may depend on the failed statement.
        return;
      }
    }
  };
  lines.on('SIGINT', () => {
    typed = '';
    output.write('\n');
    prompt();
  });
  try {
    prompt();
    for await (const line of lines) {
      const name = typed === '' ? line.trim() : '';
      if (name.startsWith('\\') || name === 'exit' || name === 'quit') {
        const statement = name.startsWith('\\') ? statementOf(name, print) : null;
        if (statement === null) {
          return;
        }
        await run(statement);
      } else {
        typed = typed === '' ? line : `${typed}\n${line}`;
        if (isComplete(typed)) {
          const text = typed;
          typed = '';
          await run(text);
        }
      }
      prompt();
    }
    // The last semicolon of a script is optional.
    if (!interactive) {
      await run(typed);
    }
  } finally {
    lines.close();
  }
}
