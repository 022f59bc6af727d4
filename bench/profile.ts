/**
 * Profiles the service under a load of GET of one row, and writes where the processor time goes:
 *   node bench/profile.ts
 *
 * Runs the service with --cpu-prof. The totals are microseconds per request by package, by file of the
 * service and by function; a file ending in .cpuprofile opens as a flame graph in the browser's developer tools.
 */
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { project } from '../src/project.ts';
import { openWorld } from '../test/helpers/world.ts';
import { load } from './load.ts';
import { openService } from './sides.ts';

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

const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-profile-'));
const world = await openWorld({ project });
const service = await openService(world, [world.acme, world.globex], {
  args: ['--cpu-prof', `--cpu-prof-dir=${folder}`],
});
try {
  const requests = service.tenants.map(
    ({ headers }) => ({ method: 'GET', path: '/api/projects/1/', headers }) as const,
  );
  const { responses } = await load(service.server.port, requests, SECONDS);
  await service.server.stop();
  const [file = ''] = await readdir(folder);
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile;
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
    `Written by bench/profile.ts on ${new Date().toISOString().slice(0, 10)}: self time of ${responses} GETs of one row, start included.`,
    table('package or file', owners, responses, 40),
    table('function', functions, responses, 40),
  ].join('\n\n');
  await writeFile(join(ROOT, 'bench/results/profile.md'), `${text}\n`);
  console.log(text);
  console.log(join(folder, file));
} finally {
  await service.close();
  await world.close();
}
process.exit();
