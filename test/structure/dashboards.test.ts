import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { scrape } from '../helpers/scrape.ts';
import { makeUser, PASSWORD, serve, until } from '../helpers/server.ts';
import { openWorld } from '../helpers/world.ts';

const DOCS = resolve(import.meta.dirname, '../../docs');
const RULES = join(DOCS, 'dashboards/alerts.yaml');
const DASHBOARD = join(DOCS, 'dashboards/koa-tenants.json');

const METRIC = /\b(?:koa_tenants|process|nodejs)_[a-z0-9_]+/g;

type Panel = Readonly<{
  id: number;
  type: string;
  gridPos: Readonly<{ x: number; y: number; w: number; h: number }>;
  targets?: ReadonlyArray<Readonly<{ expr: string; refId: string }>>;
}>;
const panelsOf = async (): Promise<readonly Panel[]> => JSON.parse(await readFile(DASHBOARD, 'utf8')).panels;

test('a scrape includes every metric of the rules and of the dashboard', async (t) => {
  const world = await openWorld({ project: servedProject });
  t.teardown(world.close);
  const service = await serve(world, { METRICS_PORT: '0' });
  t.teardown(async () => {
    await service.close();
  });
  await makeUser(world, 'acme', 'ann');
  await service.logIn('acme.localhost', 'ann', PASSWORD);
  const { samples } = await until(
    () => scrape(service.metricsPort),
    (found) => found.total('koa_tenants_invalidation_listener_connected') === 1,
  );
  const there = new Set(samples.map(({ name }) => name));
  const rules = [...(await readFile(RULES, 'utf8')).matchAll(METRIC)].map(([name]) => name);
  const panels = (await panelsOf()).flatMap(({ targets = [] }) =>
    targets.flatMap(({ expr }) => [...expr.matchAll(METRIC)].map(([name]) => name)),
  );
  t.true(rules.length > 10 && panels.length > 20);
  t.deepEqual(
    [...new Set([...rules, ...panels])].filter((name) => !there.has(name)),
    [],
  );

  const page = await readFile(join(DOCS, 'observability.md'), 'utf8');
  const ours = [...there].filter(
    (name) => name.startsWith('koa_tenants_') && !/_(bucket|sum|count)$/.test(name),
  );
  const isExported = (name: string): boolean =>
    page.includes(`\`${name}\``) ||
    (name.startsWith('koa_tenants_tenants_') &&
      page.includes(`\`${name.replace('koa_tenants_tenants', '')}\``));
  t.deepEqual(
    ours.filter((name) => !isExported(name)),
    [],
    'docs/observability.md names each',
  );
});

test('every alert has its section in docs/alarms.md, and every section its alert', async (t) => {
  const rules = await readFile(RULES, 'utf8');
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  const sections = [...(await readFile(join(DOCS, 'alarms.md'), 'utf8')).matchAll(/^## (\w+)$/gm)].map(
    ([, name = '']) => name,
  );
  t.true(alerts.length > 10);
  t.deepEqual(sections, alerts);
  const pages = [...rules.matchAll(/runbook: docs\/alarms\.md#(\w+)/g)].map(([, anchor]) => anchor);
  t.deepEqual(
    pages,
    alerts.map((name) => name.toLowerCase()),
  );
});

test('panels of the dashboard have unique ids and do not overlap', async (t) => {
  const panels = await panelsOf();
  t.is(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { id, gridPos: a } of panels) {
    t.true(a.x + a.w <= 24, String(id));
    for (const { id: other, gridPos: b } of panels) {
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      t.true(id === other || apart, `${id} and ${other}`);
    }
  }
});

test('promtool accepts the rules and every query of the dashboard', async (t) => {
  if (spawnSync('promtool', ['--version']).error) {
    t.log('promtool is not installed: left out.');
    t.pass();
    return;
  }
  const rules = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
  t.is(rules.status, 0, rules.stderr + rules.stdout);
  const queries = (await panelsOf()).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const text = queries
    .map((expr) => expr.replaceAll('$__rate_interval', '5m'))
    .map((expr, at) => `      - record: panel_${at}\n        expr: ${JSON.stringify(expr)}`)
    .join('\n');
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-rules-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'panels.yaml');
  await writeFile(file, `groups:\n  - name: panels\n    rules:\n${text}\n`);
  const checked = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
  t.is(checked.status, 0, checked.stderr + checked.stdout);
});
