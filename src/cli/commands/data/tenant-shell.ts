import { create as createDomain } from 'node:domain';
import { createInterface } from 'node:readline/promises';
import repl from 'node:repl';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { inspect } from 'node:util';
import { sql } from 'slonik';

import { printableLines } from '../../framework/printable.ts';
import type { OpenTenant } from '../../framework/tenant-database.ts';
import { ScriptFailed, type ScriptSettings } from './run-in-tenant.ts';
import { createShellTransactions } from './shell-transactions.ts';

export type TenantShell = Readonly<{
  input: Readable;
  output: Writable;
  /** Whether the input is a terminal. The shell then shows prompts and continues after an error. */
  interactive: boolean;
  open: OpenTenant;
  settings: ScriptSettings;
  readOnly: boolean;
  /** The file of the input history, or null. */
  history: string | null;
  print: (line: string) => void;
}>;

type Evaluate = (code: string) => Promise<unknown>;

/** Returns Node's error for code that continues on the next line, otherwise null. */
const incompleteCode = (error: unknown): repl.Recoverable | null =>
  error instanceof ScriptFailed && error.cause instanceof repl.Recoverable ? error.cause : null;

const HELP =
  'tx, sql, schema and settings are defined. Each line is one transaction; promises are awaited. .begin, .commit, .rollback: a transaction of several lines. .exit: quit.';

/**
 * Reads JavaScript until the end of the input or `.exit`, and evaluates each line inside the
 * tenant.
 *
 * @throws ScriptFailed for the first line that fails, unless the shell is interactive
 */
export async function runTenantShell(shell: TenantShell): Promise<void> {
  const { input, output, interactive, open, settings, readOnly, history, print } = shell;
  const transactions = createShellTransactions(open, readOnly);
  // Node's evaluation reports errors of awaited code to its domain, and prints them there.
  const domain = createDomain();
  const server = repl.start({
    ...{ domain },
    prompt: interactive ? `${open.schema}> ` : '',
    input: interactive ? input : new PassThrough(),
    output: interactive ? output : new PassThrough().resume(),
    terminal: interactive,
    ignoreUndefined: true,
  });
  let onError: (error: unknown) => void = () => {};
  domain.removeAllListeners('error').on('error', (error) => onError(error));
  const evaluateNatively = server.eval.bind(server);
  Object.assign(server.context, { sql, schema: open.schema, settings });

  // Lines run one at a time: input during a line waits for it.
  let last: Promise<unknown> = Promise.resolve();
  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  const evaluate: Evaluate = (code) =>
    enqueue(() =>
      transactions.run(async (tx) => {
        server.context.tx = tx;
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        onError = reject;
        evaluateNatively(code, server.context, open.schema, (error, value) =>
          error ? reject(error) : resolve(value),
        );
        return promise;
      }),
    );
  const commands: Readonly<Record<string, () => Promise<void>>> = {
    begin: () => enqueue(transactions.begin),
    commit: () => enqueue(() => transactions.end('commit')),
    rollback: () => enqueue(() => transactions.end('rollback')),
  };

  try {
    await (interactive
      ? runInteractively(server, { evaluate, commands, output, history })
      : readScript(input, { evaluate, commands, print }));
    await last;
  } finally {
    await transactions.close();
    server.close();
  }
}

const messageOf = (error: unknown): string =>
  printableLines(error instanceof Error ? error.message : String(error));

async function runInteractively(
  server: repl.REPLServer,
  {
    evaluate,
    commands,
    output,
    history,
  }: {
    evaluate: Evaluate;
    commands: Readonly<Record<string, () => Promise<void>>>;
    output: Writable;
    history: string | null;
  },
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.once('exit', resolve));
  (server as { eval: repl.REPLEval }).eval = (code, _context, _file, done) => {
    evaluate(code).then(
      (value) => done(null, value),
      (error: unknown) => {
        const incomplete = incompleteCode(error);
        if (incomplete) {
          done(incomplete, undefined);
          return;
        }
        output.write(`${messageOf(error)}\n`);
        done(null, undefined);
      },
    );
  };
  for (const [name, run] of Object.entries(commands)) {
    server.defineCommand(name, {
      help:
        { begin: 'Start a transaction', commit: 'Commit it', rollback: 'Roll back the transaction' }[name] ??
        '',
      action() {
        this.clearBufferedCommand();
        run()
          .catch((error: unknown) => output.write(`${messageOf(error)}\n`))
          .finally(() => this.displayPrompt());
      },
    });
  }
  if (history !== null) {
    await new Promise<void>((resolve, reject) =>
      server.setupHistory(history, (error) => (error ? reject(error) : resolve())),
    );
  }
  output.write(`${HELP}\n`);
  server.displayPrompt();
  await closed;
}

async function readScript(
  input: Readable,
  {
    evaluate,
    commands,
    print,
  }: {
    evaluate: Evaluate;
    commands: Readonly<Record<string, () => Promise<void>>>;
    print: (line: string) => void;
  },
): Promise<void> {
  let code = '';
  let missing: unknown = null;
  for await (const line of createInterface({ input, terminal: false })) {
    const [, word] = /^\.([a-z]+)\s*$/.exec(code === '' ? line : '') ?? [];
    if (word === 'exit') {
      return;
    }
    const command = word === undefined ? undefined : commands[word];
    if (command) {
      await command();
      continue;
    }
    code += `${line}\n`;
    try {
      const value = await evaluate(code);
      code = '';
      if (value !== undefined) {
        print(inspect(value, { depth: 6 }));
      }
    } catch (error) {
      const incomplete = incompleteCode(error);
      if (!incomplete) {
        throw error;
      }
      missing = incomplete.err;
    }
  }
  if (code.trim() !== '') {
    throw new ScriptFailed(missing);
  }
}
