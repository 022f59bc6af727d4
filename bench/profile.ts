/**
 * Profiles the service under a load of GET of one row, and writes where the processor time goes:
 *   node bench/profile.ts
 *
 * Profiles after a warm-up, through the inspector. The totals are microseconds per request by package, by
 * file of the service and by function. The file ending in .cpuprofile opens as a flame graph in the browser's
 * developer tools.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { project } from '../src/project.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { openWorld } from '../test/helpers/world.ts';
import { load } from './load.ts';
import { openService } from './sides.ts';

const WARM_UP_SECONDS = 10;
const SECONDS = 10;
const ROOT = join(import.meta.dirname, '..');

type CallFrame = Readonly<{ functionName: string; url: string; lineNumber: number }>;
type Profile = Readonly<{
  nodes: ReadonlyArray<Readonly<{ id: number; callFrame: CallFrame }>>;
  samples: readonly number[];
  timeDeltas: readonly number[];
}>;

/** Returns the package, the folder of the service, or the part of Node that a function belongs to. */
function ownerOf({ url, functionName }: CallFrame): string {
  const dependency = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency) {
    return dependency;
  }
  if (url.startsWith('node:')) {
    return url.replace(/^node:(internal\/)?/, 'node:').replace(/\/.*/, '');
  }
  return url.includes(ROOT) ? url.slice(url.indexOf(ROOT) + ROOT.length + 1) : functionName;
}

const place = ({ functionName, url, lineNumber }: CallFrame): string =>
  `${functionName || '(anonymous)'} ${url.replace(`file://${ROOT}/`, '').replace(/^.*node_modules\//, '')}:${lineNumber + 1}`;

function table(title: string, total: ReadonlyMap<string, number>, requests: number, rows: number): string {
  const sorted = [...total].sort(([, a], [, b]) => b - a).slice(0, rows);
  return [
    `| ${title} | us per request |`,
    '|---|---|',
    ...sorted.map(([name, time]) => `| ${name} | ${(time / requests).toFixed(1)} |`),
  ].join('\n');
}

/** Sends commands to the inspector of a process that listens on `port`. */
async function openInspector(port: number) {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const socket = new WebSocket(
    (targets as ReadonlyArray<{ webSocketDebuggerUrl: string }>)[0]?.webSocketDebuggerUrl ?? '',
  );
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  let sent = 0;
  return {
    send: async (method: string): Promise<unknown> => {
      sent += 1;
      const id = sent;
      const { promise, resolve } = Promise.withResolvers<unknown>();
      socket.addEventListener('message', ({ data }) => {
        const message = JSON.parse(String(data));
        if (message.id === id) {
          resolve(message.result);
        }
      });
      socket.send(JSON.stringify({ id, method }));
      return promise;
    },
    close: () => socket.close(),
  };
}

const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-profile-'));
const inspectorPort = await freePort();
const world = await openWorld({ project });
const service = await openService(world, [world.acme, world.globex], {
  args: [`--inspect=127.0.0.1:${inspectorPort}`],
});
try {
  const requests = service.tenants.map(
    ({ headers }) => ({ method: 'GET', path: '/api/projects/1/', headers }) as const,
  );
  await load(service.server.port, requests, WARM_UP_SECONDS);
  const inspector = await openInspector(inspectorPort);
  await inspector.send('Profiler.enable');
  await inspector.send('Profiler.start');
  const { responses } = await load(service.server.port, requests, SECONDS);
  const { profile } = (await inspector.send('Profiler.stop')) as { profile: Profile };
  inspector.close();
  const file = join(folder, 'service.cpuprofile');
  await writeFile(file, JSON.stringify(profile));
  const { nodes, samples, timeDeltas } = profile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const [owners, functions] = [new Map<string, number>(), new Map<string, number>()];
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame && frame.functionName !== '(idle)') {
      const time = timeDeltas[index] ?? 0;
      for (const [map, key] of [
        [owners, ownerOf(frame)],
        [functions, place(frame)],
      ] as const) {
        map.set(key, (map.get(key) ?? 0) + time);
      }
    }
  }
  const text = [
    `Written by bench/profile.ts on ${new Date().toISOString().slice(0, 10)}: self time of ${responses} GETs of one row.`,
    table('package or file', owners, responses, 40),
    table('function', functions, responses, 40),
  ].join('\n\n');
  await writeFile(join(ROOT, 'bench/results/profile.md'), `${text}\n`);
  console.log(text);
  console.log(file);
} finally {
  await service.close();
  await world.close();
}
process.exit();
