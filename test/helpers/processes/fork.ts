/**
 * Replaces ava's lib/fork.js: processes that have finished a test file run further ones.
 *
 * Loading the service and its libraries, and V8's compilation of them, cost more CPU time than most
 * test files. A process runs one file at a time, and the next one after nothing of the last one keeps
 * its event loop alive.
 */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

const WORKER = path.join(import.meta.dirname, 'worker.ts');

/** Bounds the memory of a process. */
const MAX_FILES = process.env.TEST_PROCESS_PER_FILE === 'true' ? 1 : 40;

/** Time for the programs that a test has left running, after SIGTERM. `make dev` stops its PostgreSQL meanwhile. */
const KILL_AFTER_MS = 10_000;

/** Files that change or measure their process. */
const OWN_PROCESS = [
  'test/fault/floods',
  'test/fault/noisy-neighbor',
  'test/fault/slow-clients',
  'test/fault/soak',
  'test/apps/accounts/conformance/',
  'test/tenancy/transfer/hostile-dumps',
];

type StateChange = Readonly<{ type: string; [name: string]: unknown }>;

/** A run of one test file, as ava's lib/api.js uses it. */
type Fork = Readonly<{
  file: string;
  promise: Promise<void>;
  exit: () => void;
  notifyOfPeerFailure: () => void;
  onConnectSharedWorker: () => () => void;
  onStateChange: (listener: (change: StateChange) => void) => () => void;
}>;

type Run = Readonly<{
  options: object;
  emit: (change: StateChange) => void;
  finish: () => void;
  isForced: () => boolean;
}>;

class Worker {
  readonly #child: ChildProcess;
  #run: Run | undefined;
  #isStarted = false;
  #isReady = false;
  #files = 0;
  readonly #isOwn: boolean;

  constructor(options: Readonly<{ projectDir: string }>, execArgv: readonly string[], isOwn: boolean) {
    this.#isOwn = isOwn;
    this.#child = fork(WORKER, [], {
      cwd: options.projectDir,
      silent: true,
      env: { NODE_ENV: 'test', ...process.env },
      execArgv: [...execArgv, '--enable-source-maps'],
      // A process group of its own, which #signal reaches: also programs that the tests started.
      detached: true,
      serialization: 'advanced',
    });
    this.#child.stdout?.on('data', (chunk) => this.#run?.emit({ type: 'worker-stdout', chunk }));
    this.#child.stderr?.on('data', (chunk) => this.#run?.emit({ type: 'worker-stderr', chunk }));
    this.#child.on('message', ({ ava }: { ava?: StateChange }) => {
      if (ava?.type === 'ready-for-options') {
        this.#isReady = true;
        this.#next();
      } else if (ava) {
        this.#run?.emit(ava);
      }
    });
    this.#child.on('error', (error) => {
      this.#run?.emit({ type: 'worker-failed', err: { message: error.message } });
      this.#end();
    });
    this.#child.on('exit', (code, signal) => this.#exited(code, signal));
  }

  start(run: Run): void {
    this.#run = run;
    this.#isStarted = false;
    this.#setReferenced(true);
    this.#next();
  }

  send(type: string): void {
    if (this.#child.connected) {
      this.#child.send({ ava: { type } });
    }
  }

  kill(): void {
    this.#signal('SIGTERM');
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-Number(this.#child.pid), signal);
    } catch {
      // Nothing of the group runs.
    }
  }

  /** Starts the file that waits, or ends the one that the process has finished. */
  #next(): void {
    if (!this.#run || !this.#isReady) {
      return;
    }
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#isReady = false;
      // Tests of a file share its tables and users, so they do not run at the same time.
      const options = { ...this.#run.options, serial: true };
      this.#child.send({ ava: { type: 'options', options } });
      return;
    }
    this.#files += 1;
    this.#run.emit({ type: 'worker-finished', forcedExit: this.#run.isForced() });
    this.#end();
    if (this.#isOwn || this.#files >= MAX_FILES) {
      this.#child.disconnect();
    } else {
      idle.push(this);
    }
    this.#setReferenced(false);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#signal('SIGTERM');
    setTimeout(() => this.#signal('SIGKILL'), KILL_AFTER_MS).unref();
    const at = idle.indexOf(this);
    if (at >= 0) {
      idle.splice(at, 1);
    }
    const isForced = this.#run?.isForced() ?? false;
    if (isForced || (code === 0 && !signal)) {
      // Also a file without tests.
      this.#run?.emit({ type: 'worker-finished', forcedExit: isForced });
    } else {
      this.#run?.emit({ type: 'worker-failed', ...(signal ? { signal } : { nonZeroExitCode: code }) });
    }
    this.#end();
  }

  #end(): void {
    this.#run?.finish();
    this.#run = undefined;
  }

  /** An idle process must not keep ava's process alive. */
  #setReferenced(isReferenced: boolean): void {
    const { stdout, stderr, channel } = this.#child;
    for (const each of [this.#child, channel, stdout, stderr] as unknown as (NodeJS.Timeout | null)[]) {
      each?.[isReferenced ? 'ref' : 'unref']();
    }
  }
}

const idle: Worker[] = [];

/** Runs a test file. Called by ava with the options of the file. */
export default function loadFork(
  file: string,
  options: Readonly<{ projectDir: string }>,
  execArgv: readonly string[] = process.execArgv,
): Fork {
  const isOwn = OWN_PROCESS.some((prefix) => path.relative(options.projectDir, file).startsWith(prefix));
  const worker = (isOwn ? undefined : idle.pop()) ?? new Worker(options, execArgv, isOwn);
  const listeners = new Set<(change: StateChange) => void>();
  const finished = Promise.withResolvers<void>();
  let isForced = false;
  worker.start({
    options: { baseDir: process.cwd(), file, ...options },
    emit: (change) => {
      for (const listener of listeners) {
        listener({ ...change, testFile: file } as StateChange);
      }
    },
    finish: finished.resolve,
    isForced: () => isForced,
  });
  return {
    file,
    promise: finished.promise,
    exit: () => {
      isForced = true;
      worker.kill();
    },
    notifyOfPeerFailure: () => worker.send('peer-failed'),
    onConnectSharedWorker: () => () => {},
    onStateChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
