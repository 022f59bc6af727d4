/** Replaces ava's lib/worker/base.js: runs test files one after the other, with a runner of ava for each. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { type FileMeter, startFileMeter } from './measure-file.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

type Listener = (event: { data: never }) => void;
type Runner = {
  chain: unknown;
  interrupt: () => void;
  on: (name: string, listener: Listener) => void;
  saveSnapshotState: () => Promise<{ touchedFiles?: unknown }>;
};
type Options = Readonly<{ file: string; lineNumbers?: readonly number[]; chalkOptions: object }>;
type Serialize = (error: unknown, options?: Readonly<{ testFile: string }>) => unknown;

const lib = new URL('../lib/', import.meta.resolve('ava'));
const load = async <T>(name: string): Promise<T> => import(new URL(name, lib).href) as Promise<T>;

const { default: Runner } = await load<{ default: new (options: object) => Runner }>('runner.js');
const { default: serializeError } = await load<{ default: Serialize }>('serialize-error.js');
const { default: selectLines } = await load<{ default: (options: object) => unknown }>(
  'worker/line-numbers.js',
);
const { flags, refs } = await load<{ flags: { loadedMain: boolean }; refs: { runnerChain: unknown } }>(
  'worker/state.js',
);
const { send, ref, unref } = await load<{ send: (event: object) => void; ref(): void; unref(): void }>(
  'worker/channel.js',
);
const { set: setOptions } = await load<{ set: (options: object) => void }>('worker/options.js');
const { set: setChalk } = await load<{ set: (options: object) => void }>('chalk.js');

/** The file that runs, or ran last. */
let current: { file: string; runner: Runner; meter: FileMeter; isFinished: boolean } | undefined;
let files = 0;

const MAIN = new URL('worker/main.js', lib).href;
const ARGON2 = new URL('argon2.ts', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier === 'ava') {
      // Every test file gets the `test` of its own runner.
      return { url: `${MAIN}?file=${files}`, shortCircuit: true };
    }
    return specifier === '@node-rs/argon2' && !context.parentURL?.startsWith(ARGON2)
      ? { url: ARGON2, shortCircuit: true }
      : next(specifier, context);
  },
});

let isExpectingExit = false;
const forceExit = (code = 1): never => {
  isExpectingExit = true;
  process.exit(code);
};

process.exit = new Proxy(process.exit, {
  apply: (exit, self, args: [number]) => {
    if (!isExpectingExit) {
      send({ type: 'process-exit', stack: new Error('Unexpected process.exit()').stack });
    }
    return exit.apply(self, args);
  },
});
process.on('exit', () => current?.meter.stop());

const fail = (type: string, error: unknown): never => {
  send({ type, err: serializeError(error, { testFile: current?.file ?? '' }) });
  return forceExit();
};
/** The test file that started the current asynchronous operation. */
const origin = new AsyncLocalStorage<string>();

/** Returns an error that names the file that caused it, unless that is the file that runs. */
function nameOrigin(error: unknown): unknown {
  const file = origin.getStore();
  return file === undefined || file === current?.file
    ? error
    : new Error(`${path.relative(ROOT, file)}, which ran earlier, caused this: ${String(error)}`, {
        cause: error,
      });
}

process.on('uncaughtException', (error) => fail('uncaught-exception', nameOrigin(error)));

const unhandled = new Map<Promise<unknown>, unknown>();
process.on('unhandledRejection', (reason, promise) => unhandled.set(promise, nameOrigin(reason)));
process.on('rejectionHandled', (promise) => unhandled.delete(promise));

function assertHandled(): void {
  for (const reason of unhandled.values()) {
    send({ type: 'unhandled-rejection', err: serializeError(reason, { testFile: current?.file ?? '' }) });
  }
  if (unhandled.size > 0) {
    forceExit();
  }
}

async function finish(runner: Runner): Promise<void> {
  const { touchedFiles } = await runner.saveSnapshotState();
  if (touchedFiles) {
    send({ type: 'touched-files', files: touchedFiles });
  }
  // A turn of the event loop, after which `beforeExit` comes again if nothing keeps the process alive.
  setImmediate(() => {
    assertHandled();
    if (current) {
      current.isFinished = true;
    }
  });
}

async function runFile(options: Options): Promise<void> {
  const { file, lineNumbers } = options;
  files += 1;
  if (files === 1) {
    setOptions(options);
    setChalk(options.chalkOptions);
  }
  // helpers/contract.ts compares the responses of some files.
  process.env.TEST_FILE = file;
  const meter = startFileMeter(file, files === 1);
  const runner = new Runner({ ...options, checkSelectedByLineNumbers: selectLines({ file, lineNumbers }) });
  current = { file, runner, meter, isFinished: false };
  flags.loadedMain = false;
  refs.runnerChain = runner.chain;
  runner.on('accessed-snapshots', ({ data }) => send({ type: 'accessed-snapshots', filename: data }));
  runner.on('stateChange', ({ data }) => send(data));
  runner.on('error', ({ data }) => fail('internal-error', data));
  runner.on('finish', () => {
    finish(runner).catch((error) => fail('internal-error', error));
  });
  try {
    await origin.run(file, () => import(pathToFileURL(file).href));
  } catch (error) {
    fail('uncaught-exception', error);
  }
  if (!flags.loadedMain) {
    send({ type: 'missing-ava-import' });
    forceExit();
  }
  // From here on only the tests keep the process alive.
  unref();
}

process.on('message', ({ ava }: { ava?: Readonly<{ type: string; options: Options }> }) => {
  if (ava?.type === 'options') {
    runFile(ava.options).catch((error) => fail('internal-error', error));
  } else if (ava?.type === 'peer-failed') {
    current?.runner.interrupt();
  }
});
process.on('disconnect', () => {
  isExpectingExit = true;
  // ava has ended or this process is no longer needed: programs that tests have left running end, too.
  process.on('SIGTERM', () => {});
  process.kill(0, 'SIGTERM');
  process.exit();
});
process.on('beforeExit', (code) => {
  if (!current?.isFinished) {
    return;
  }
  if (code !== 0) {
    forceExit(code);
  }
  current.meter.stop();
  current = undefined;
  ref();
  send({ type: 'ready-for-options' });
});
send({ type: 'ready-for-options' });
