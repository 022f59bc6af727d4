/**
 * Runs the tests: `node test/run.ts [arguments of ava]`.
 *
 * One PostgreSQL for all of them, which is stopped and removed at the end, also after a failure. With
 * `TEST_POOLER=pgbouncer` the service connects through PgBouncer. The last line is `N passed, N failed`.
 * Skipped tests, and tests that did not run, count as failed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { compileCacheOf } from './helpers/compile-cache.ts';
import { dropTemplates } from './helpers/drop-templates.ts';
import { measureServer, type ServerCost } from './helpers/measure-server.ts';
import { type Pooler, startPgBouncer } from './helpers/pgbouncer.ts';
import { startTestServer, type TestServer } from './helpers/postgres.ts';
import { offerSecondServer } from './helpers/second-server.ts';
import { costOfFiles, describeCosts, recordSlowFiles } from './helpers/slowest-files.ts';

const project = join(import.meta.dirname, '..');

type Counts = { passed: number; failed: number };

/** Prints the TAP of ava: one line for each test, and the details of failed ones. Counts both. */
async function report(lines: AsyncIterable<string>, counts: Counts): Promise<void> {
  let reported = 0;
  for await (const line of lines) {
    const test = /^(not )?ok \d+(?: - )?(.*?)(?: # (SKIP|TODO).*)?$/i.exec(line);
    const total = /^# (fail|skip|todo) (\d+)$/.exec(line);
    if (test) {
      const passed = !test[1] && !test[3];
      counts[passed ? 'passed' : 'failed'] += 1;
      console.log(
        `${passed ? '  ok  ' : 'FAILED'} ${test[2]}${test[3] ? ` (${test[3].toLowerCase()})` : ''}`,
      );
    } else if (total) {
      reported += Number(total[2]);
    } else if (!/^(TAP version \d+|\d+\.\.\d+|# (tests|pass) \d+|)$/.test(line)) {
      console.log(line);
    }
  }
  // Tests that did not end have no line.
  counts.failed = Math.max(counts.failed, reported);
}

const folder = mkdtempSync(join(tmpdir(), 'koa-tenants-run-'));
const measures = join(folder, 'files');
const secondServer = join(folder, 'second-server');

/**
 * Shows the slowest files. With TEST_RECORD=true writes their seconds to the file by which ava.config.js orders
 * files. Writes the costs of all files to the file TEST_COSTS.
 */
function reportCosts(server: ServerCost | null): void {
  if (!existsSync(measures)) {
    return;
  }
  const costs = costOfFiles(measures, server);
  console.log(describeCosts(costs, server).join('\n'));
  if (process.env.TEST_COSTS) {
    writeFileSync(process.env.TEST_COSTS, JSON.stringify({ costs, server: server?.total ?? null }, null, 2));
  }
  if (process.env.TEST_RECORD === 'true') {
    const list = join(project, 'test', 'slow-files.json');
    const slow = recordSlowFiles(JSON.parse(readFileSync(list, 'utf8')), costs);
    writeFileSync(list, `${JSON.stringify(slow, null, 2)}\n`);
  }
}

/** Part of the names of the databases that are copied for tests. */
const templates = randomBytes(4).toString('hex');

/** The folder of the bundled service: see helpers/bundled-service.ts. Node finds packages from there. */
const bundle = join(project, 'node_modules', '.cache', `tests-${templates}`);

let ava: ChildProcess | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    ava?.kill('SIGTERM');
  });
}

const counts: Counts = { passed: 0, failed: 0 };
let reason: string | undefined;

async function runAva(server: TestServer, pooler: Pooler | undefined): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      join(import.meta.dirname, 'helpers', 'processes', 'register.ts'),
      join(project, 'node_modules', 'ava', 'entrypoints', 'cli.js'),
      '--tap',
      ...process.argv.slice(2),
    ],
    {
      cwd: project,
      env: {
        ...process.env,
        TEST_DATABASE_URL: server.url,
        TEST_TEMPLATES: templates,
        ...compileCacheOf(project),
        TEST_MEASURES: measures,
        TEST_BUNDLE: bundle,
        TEST_SECOND_SERVER: secondServer,
        ...(pooler ? { TEST_POOLER_PORT: String(pooler.port) } : {}),
      },
      stdio: ['inherit', 'pipe', 'inherit'],
    },
  );
  ava = child;
  const closed = once(child, 'close');
  await report(createInterface(child.stdout), counts);
  const [code, signal] = await closed;
  if (code !== 0 && counts.failed === 0) {
    reason = `ava ended with ${signal ?? `exit code ${code}`}.`;
  }
}

try {
  const server = await startTestServer();
  try {
    const pooler = process.env.TEST_POOLER === 'pgbouncer' ? await startPgBouncer(server.url) : undefined;
    console.log(`Testing on ${server.description}${pooler ? ', the service through PgBouncer' : ''}.`);
    try {
      if (!interrupted) {
        const meter = await measureServer(server.url);
        const second = await offerSecondServer(secondServer);
        try {
          await runAva(server, pooler);
        } finally {
          reportCosts((await meter?.stop().catch(() => null)) ?? null);
          await second.stop();
          for (const made of [folder, bundle]) {
            rmSync(made, { recursive: true, force: true });
          }
        }
      }
    } finally {
      await pooler?.stop();
      // The server of a URL is not stopped.
      if (URL.canParse(process.env.TEST_POSTGRES ?? '')) {
        await dropTemplates(server.url, templates);
      }
    }
  } finally {
    await server.stop();
  }
} catch (error) {
  reason = (error as Error).message;
}

if (interrupted) {
  reason = 'The run was interrupted.';
} else if (counts.passed + counts.failed === 0) {
  reason ??= 'No test ran.';
}
if (reason) {
  console.log(reason);
  // The output must not look like a run without failures.
  counts.failed += 1;
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
