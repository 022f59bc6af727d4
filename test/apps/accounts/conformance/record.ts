/**
 * Records the responses of the real stack in responses.jsonl: starts django/server.py once for every combination of settings,
 * and performs each case with users of its own. See docs/conformance.md.
 *
 *   PYTHON=…/bin/python node test/apps/accounts/conformance/record.ts         cases with new requests
 *   PYTHON=…/bin/python node test/apps/accounts/conformance/record.ts --all
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

process.env.CONFORMANCE_DIALECT = 'django';
const { PASSWORD, until } = await import('../../../helpers/server.ts');
const { cases } = await import('./cases.ts');
const { keyOf, readRecorded, requestsOf } = await import('./recorded.ts');
const { readMails, sendTo } = await import('./target.ts');
const { perform, prepare } = await import('./try-case.ts');

type Case = (typeof cases)[number];
type TestedServer = import('./target.ts').TestedServer;
type Recorded = import('./recorded.ts').Recorded;

const PORT = Number(process.env.PORT ?? 8_931);
/** Settings that Django, Djoser and SimpleJWT do not have. */
const OURS = /^(?:ALLOW_REGISTRATION|AUTH_COOKIES|LEEWAY|PASSWORD_RESET_TIMEOUT|THROTTLE_)/;

/** Responses of which only these headers are compared. */
const HEADERS = ['allow', 'content-type', 'location', 'www-authenticate'];

/** Returns a proxy of the object, and the set of the names that were read from it. */
function watch<T extends object>(object: T): { watched: T; read: Set<string> } {
  const read = new Set<string>();
  const watched = new Proxy(object, {
    get: (target, name) => {
      read.add(String(name));
      return target[name as keyof T];
    },
  });
  return { watched, read };
}

async function record(one: Case, server: Pick<TestedServer, 'send'>, folder: string): Promise<Recorded> {
  const login = (name: string) => ({ name, email: `${name}@example.com`, password: PASSWORD });
  const mails = () => readMails(folder);
  const tested: TestedServer = { ...server, mails, staff: login('staff'), superuser: login('superuser') };
  const before = (await mails()).length;
  const all = await prepare(tested, one);
  const { watched, read } = watch({ ...all });
  const responses: Array<Recorded['responses'][number]> = [];
  const recording: TestedServer = {
    ...tested,
    send: async (...request) => {
      const response = await server.send(...request);
      const headers = Object.fromEntries(
        HEADERS.filter((name) => response.headers[name] !== undefined).map((name) => [
          name,
          response.headers[name],
        ]),
      );
      responses.push({ status: response.status, headers, text: response.text });
      return response;
    },
  };
  const received: Array<Recorded['mails'][number]> = [];
  let seen = before;
  for (const step of one.steps) {
    if (one.settings?.UPDATE_LAST_LOGIN) {
      // Django compares the last login in whole seconds.
      await setTimeout(1_100);
    }
    const outcome = await perform(recording, step, watched).catch((error: Error) => error);
    for (const mail of (await mails()).slice(seen)) {
      seen += 1;
      received.push({ ...mail, after: responses.length });
    }
    if (outcome instanceof Error) {
      process.stderr.write(`${keyOf(one)}: ends: ${outcome.message}\n`);
      break;
    }
    if (outcome.length > 0 && one.difference === undefined) {
      process.stderr.write(`${keyOf(one)}: ${outcome.join('\n')}\n`);
    }
  }
  const known = Object.fromEntries(Object.entries(all).filter(([name]) => read.has(name)));
  return {
    key: keyOf(one),
    requests: requestsOf(one),
    known,
    responses,
    mails: one.needs?.includes('mail') ? received : [],
  };
}

async function withServer<T>(settings: object, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'django-'));
  const script = join(import.meta.dirname, 'django/server.py');
  const server: ChildProcess = spawn(
    process.env.PYTHON ?? 'python3',
    [script, folder, String(PORT), JSON.stringify(settings)],
    {
      env: { ...process.env, CONFORMANCE_PASSWORD: PASSWORD, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: 'ignore',
    },
  );
  const ended = once(server, 'exit');
  try {
    await until(
      () =>
        fetch(`http://127.0.0.1:${PORT}/`).then(
          () => true,
          () => false,
        ),
      (isUp) => isUp,
    );
    return await work(folder);
  } finally {
    server.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
}

const earlier = process.argv.includes('--all') ? new Map<string, Recorded>() : readRecorded();
const isRecorded = (one: Case): boolean => earlier.get(keyOf(one))?.requests === requestsOf(one);

const groups = Map.groupBy(
  cases.filter((one) => !isRecorded(one) && !Object.keys(one.settings ?? {}).some((name) => OURS.test(name))),
  ({ settings = {} }) => JSON.stringify(settings),
);
const recorded = new Map(earlier);
for (const [settings, group] of groups) {
  process.stderr.write(`${settings}: ${group.length} cases\n`);
  await withServer(JSON.parse(settings), async (folder) => {
    const server = { send: sendTo(`http://127.0.0.1:${PORT}/api/auth`, null) };
    // Cases that differ come last: in some, staff changes users that others need.
    const isLast = ({ difference }: Case): number => (difference === undefined ? 0 : 1);
    for (const one of group.toSorted((a, b) => isLast(a) - isLast(b))) {
      const response = await record(one, server, join(folder, 'mails')).catch((error: Error) => error);
      if (response instanceof Error) {
        process.stderr.write(`${keyOf(one)}: not recorded: ${response.message}\n`);
      } else {
        recorded.set(response.key, response);
      }
    }
  });
}
const lines = cases.map((one) => recorded.get(keyOf(one))).filter((one) => one !== undefined);
await writeFile(
  new URL('responses.jsonl', import.meta.url),
  lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
);
