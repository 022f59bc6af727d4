import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable, Writable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import type { Project } from '../../src/definition/define-project.ts';
import { servedMain } from '../helpers/bundled-service.ts';
import { compileCacheOf } from '../helpers/compile-cache.ts';

const source = join(import.meta.dirname, '..', 'fixture-app');

/** The programs of the repository's project, for tests of its apps. */
export const REPOSITORY_CLI = join(import.meta.dirname, '../../src/cli.ts');
export const REPOSITORY_MAIN = join(import.meta.dirname, '../../src/main.ts');

export type Ran = Readonly<{ code: number | null; out: string; err: string }>;

// Empty: the tests must not read a developer's .env.
let folder: string | null = null;

function makeFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'koa-tenants-cli-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

export async function start(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildProcessWithoutNullStreams> {
  folder ??= makeFolder();
  const program = file === 'served-main.ts' ? await servedMain() : resolve(source, file);
  return spawn(process.execPath, [program, ...args], {
    cwd: folder,
    // Only variables that locate programs or speed up their start. A developer's DATABASE_URL must not reach it.
    env: {
      PATH: process.env.PATH ?? '',
      ...compileCacheOf(join(source, '../..')),
      ...env,
    },
  });
}

// ava starts all tests of a file at the same time. That many processes would only wait for each other.
const MAX_RUNNING = 4;
let running = 0;
const waiting: Array<() => void> = [];

async function limited(work: () => Promise<Ran>): Promise<Ran> {
  if (running >= MAX_RUNNING) {
    await new Promise<void>((go) => waiting.push(go));
  }
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

type Arguments = readonly [
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
];

/**
 * Runs a program of test/fixture-app/, or another one by its absolute path, and returns when it has ended.
 *
 * A command line of this repository runs in the process of the test, which takes a tenth of the CPU time of a process of
 * its own. `runProcess` always starts one, for tests of the process itself: exit codes, signals, `NODE_OPTIONS`.
 */
export function run(...given: Arguments): Promise<Ran> {
  const [file, args, env, input] = given;
  const load = COMMAND_LINES.get(resolve(source, file));
  return load && !('NODE_OPTIONS' in env)
    ? limited(() => {
        folder ??= makeFolder();
        // Commands resolve names of files as a process in this folder does.
        process.chdir(folder);
        return runHere(folder, load, args, env, input);
      })
    : runProcess(...given);
}

/** Runs a command of this repository, in the process of the test, with the development data of another folder. */
export const runIn = (
  root: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Ran> => limited(() => runHere(root, loadRepository, args, env, input));

/** Runs a program in a process of its own, and returns when it has ended. */
export const runProcess = (...given: Arguments): Promise<Ran> => limited(() => runApart(...given));

type CommandLine = Readonly<{
  project: Project;
  executeCommandLine: typeof import('../../src/execute-command-line.ts')['executeCommandLine'];
}>;

const ofThisRelease =
  (load: () => Promise<Project>): (() => Promise<CommandLine>) =>
  async () => ({ project: await load(), ...(await import('../../src/execute-command-line.ts')) });

const loadRepository = ofThisRelease(async () => (await import('../../src/project.ts')).project);

/** The command lines that `run` knows: their files, and the projects that these pass to `runCommandLine`. */
const COMMAND_LINES = new Map<string, () => Promise<CommandLine>>([
  [
    join(source, 'cli.ts'),
    ofThisRelease(async () => (await import('../fixture-app/project.ts')).fixtureProject),
  ],
  [
    join(source, 'served-cli.ts'),
    ofThisRelease(async () => (await import('../fixture-app/served-project.ts')).servedProject),
  ],
  [
    join(source, '../apps/accounts/cli.ts'),
    ofThisRelease(async () => (await import('../apps/accounts/project.ts')).project),
  ],
  [REPOSITORY_CLI, loadRepository],
]);

/**
 * Returns a function that runs the command line of the fixture app in a working copy, in the process of the test. The
 * copy's code is loaded once: do not change its files afterwards.
 */
export function commandLineOf(
  folder: string,
  env: Readonly<Record<string, string>>,
): (...args: readonly string[]) => Promise<Ran> {
  const file = join(folder, 'test/fixture-app/cli.ts');
  COMMAND_LINES.set(file, async () => {
    const { executeCommandLine } = await import(join(folder, 'src/execute-command-line.ts'));
    const { fixtureProject: project } = await import(join(folder, 'test/fixture-app/project.ts'));
    return { executeCommandLine, project };
  });
  return (...args) => run(file, args, env);
}

const collect = (): { stream: Writable; text: () => string } => {
  const chunks: Buffer[] = [];
  return {
    stream: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk);
        done();
      },
    }),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
};

async function runHere(
  root: string,
  load: () => Promise<CommandLine>,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<Ran> {
  const { executeCommandLine, project } = await load();
  const [out, err] = [collect(), collect()];
  const never = (what: string) => () => {
    throw new Error(`A command line in the process of a test cannot ${what}: use runProcess or start.`);
  };
  const code = await executeCommandLine(project, {
    args,
    env,
    stdin: Readable.from(input ? [Buffer.from(input)] : []),
    stdout: out.stream,
    stderr: err.stream,
    dataDir: join(root, '.data'),
    root,
    isRoot: process.getuid?.() === 0,
    account: { user: 'tester', machine: 'test-machine' },
    loadEnvFile: never('load a .env'),
    onSignal: () => {},
    notifyParent: () => {},
    onDisconnect: () => {},
    interrupt: never('be interrupted'),
    exit: never('exit'),
    startAgain: never('start again'),
  });
  return { code, out: out.text(), err: err.text() };
}

async function runApart(...[file, args, env, input = '']: Arguments): Promise<Ran> {
  const child = await start(file, args, env);
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.err += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, ...output };
}

/** Returns the findings of `check --json` without what depends on the PostgreSQL that the tests run on. */
export const withoutServer = (json: string): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  (JSON.parse(json) as ReadonlyArray<Readonly<Record<string, unknown>>>).filter(
    ({ check }) => check !== 'old-minors' && check !== 'other-databases',
  );

/** Returns an environment in which a program reports this release of Node. */
export const onNode = (version: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`,
});

/** Starts the service of the served project. Resolves when it listens. `entries`: the parsed lines of its log. */
export async function startMain(env: Readonly<Record<string, string>>) {
  const child = await start('served-main.ts', [], env);
  const lines: string[] = [];
  const entries: Array<Record<string, unknown>> = [];
  const errors: string[] = [];
  const ended = once(child, 'close').then(([code]) => code as number | null);
  child.stderr.setEncoding('utf8').on('data', (text) => errors.push(text));
  const listening = Promise.withResolvers<number>();
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    const entry = JSON.parse(line);
    entries.push(entry);
    if (entry.msg === 'listening') {
      listening.resolve(entry.port);
    }
  });
  void ended.then((code) =>
    listening.reject(new Error(`served-main.ts ended with ${code}: ${errors.join('')}`)),
  );
  return { port: await listening.promise, child, lines, entries, errors, ended };
}

/** Asserts one or two sentences for a user: no stack, no text of a library, no secret. */
export function isPlain(t: ExecutionContext, { err, out }: Ran, secrets: readonly string[] = []): void {
  const output = err + out;
  t.notRegex(output, /^\s+at /m, output);
  t.notRegex(output, /node_modules|\.ts:\d|Error:|\[object/, output);
  t.true(err.trim().length > 0);
  t.true(err.trim().split('\n').length <= 3, err);
  for (const secret of secrets) {
    t.false(output.includes(secret));
  }
}
