/**
 * The isolation suite: `node test/isolation/run.ts [folder]`.
 *
 * Attacks a database in each context mode, and one in the mode `signed` that is not hardened. Disables
 * every wall in turn. Writes isolation-report.html and .json into the folder (default: .data/). Exits
 * with 0 when only documented attacks succeeded, and at least one attack succeeded without each wall.
 * PREPARED_STATEMENTS=off: without prepared statements, as behind a pooler.
 */
import { globSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attacksOfApps } from '../../src/attacks/attacks-of-apps.ts';
import { project } from '../../src/project.ts';
import type { HttpAttackSuite } from '../helpers/http-attacks.ts';
import { startTestServer } from '../helpers/postgres.ts';
import { attackedProject } from './attacked-project.ts';
import { openAttackedWorld } from './attacked-world.ts';
import {
  type AttackResult,
  attacksOn,
  openEvaluation,
  runAttack,
  type SwitchResult,
} from './evaluate-walls.ts';
import { openFixtures } from './fixture.ts';
import { type Report, type Run, reportPage } from './report/page.ts';
import { switches } from './switches/index.ts';
import { LOST_UNHARDENED } from './unhardened.ts';
import { disableWall } from './walls.ts';

const started = performance.now();

const faultsOf = ({ title, attacks, switches: down, expected }: Run): string[] => [
  ...attacks.flatMap(({ id, leak, withoutDriver }) => {
    const got = leak ?? withoutDriver;
    const known = expected.includes(id);
    return Boolean(got) === known
      ? []
      : [`${title}: ${id} ${got ?? 'is documented as successful, and failed'}`];
  }),
  ...down.flatMap(({ id, succeeded, notStopped }) => [
    ...(succeeded.length === 0 ? [`${title}: neither an attack nor a check detected ${id}`] : []),
    ...notStopped.map((attack) => `${title}: ${attack} succeeded with the wall of ${id} as the only one`),
  ]),
];

/** Prints the faults of a run: a later one may take minutes, or fail. */
function reported(run: Run): Run {
  for (const fault of faultsOf(run)) {
    console.log(`FAULT ${fault}`);
  }
  return run;
}

async function evaluateDatabase(contextMode: 'guarded' | 'signed', hardened: boolean): Promise<Run> {
  const title = `${contextMode}${hardened ? '' : ', not hardened'}`;
  const world = await openAttackedWorld({ contextMode, project: attackedProject });
  const fixtures = await openFixtures(world);
  try {
    if (!hardened) {
      await disableWall.hardening(world);
    }
    const attacks: AttackResult[] = [];
    for (const attack of attacksOn(world)) {
      // The load test runs once for each context mode.
      if (hardened || attack.id !== 'load') {
        attacks.push(await runAttack(fixtures, attack));
      }
    }
    console.log(`${title}: ${attacks.length} attacks`);
    const { runSwitch } = openEvaluation(fixtures);
    const results: SwitchResult[] = [];
    for (const one of hardened ? switches : []) {
      if ((one.contextMode ?? contextMode) === contextMode) {
        results.push(await runSwitch(one));
      }
    }
    console.log(`${title}: ${results.length} walls disabled`);
    return reported({ title, attacks, switches: results, expected: hardened ? [] : LOST_UNHARDENED });
  } finally {
    await fixtures.close();
    await world.close();
  }
}

/** The attacks of the repository's own apps, on their tables. Null: the apps have none. */
async function evaluateApps(): Promise<Run | null> {
  const ofApps = await attacksOfApps(project.apps);
  if (ofApps.length === 0) {
    return null;
  }
  const world = await openAttackedWorld({ project });
  const fixtures = await openFixtures(world);
  try {
    const attacks: AttackResult[] = [];
    for (const attack of ofApps) {
      attacks.push(await runAttack(fixtures, attack));
    }
    console.log(`apps: ${attacks.length} attacks`);
    return reported({ title: 'apps', attacks, switches: [], expected: [] });
  } finally {
    await fixtures.close();
    await world.close();
  }
}

/** Attacks on pages and routes of the repository's apps, each also on a service without the rule that stops it. */
async function evaluateHttp(): Promise<Run> {
  const attacks: AttackResult[] = [];
  for (const file of globSync(join(import.meta.dirname, '../{apps/*,http}/http-attack-suite.ts')).sort()) {
    const { openHttpAttackSuite } = (await import(file)) as {
      openHttpAttackSuite: () => Promise<HttpAttackSuite>;
    };
    const suite = await openHttpAttackSuite();
    try {
      for (const { id } of suite.attacks) {
        const began = performance.now();
        const leak = await suite.evaluate(id);
        attacks.push({ id, leak, withoutDriver: undefined, duration: Math.round(performance.now() - began) });
      }
      for (const { id } of suite.attacks.filter(({ rule }) => rule)) {
        if ((await suite.evaluate(id, 'weak')) === null) {
          attacks.push({
            id,
            leak: 'also fails without its rule, so it shows nothing',
            withoutDriver: undefined,
            duration: 0,
          });
        }
      }
    } finally {
      await suite.close();
    }
  }
  console.log(`rules of HTTP: ${attacks.length} attacks`);
  return reported({ title: 'rules of HTTP', attacks, switches: [], expected: [] });
}

const folder = process.argv[2] ?? '.data';
const server = await startTestServer();
const description = `${server.description}${process.env.PREPARED_STATEMENTS === 'off' ? ', without prepared statements' : ''}`;
process.env.TEST_DATABASE_URL = server.url;
try {
  console.log(`Attacking ${description}.`);
  // Both run at the same time, on a database each: most of the time is waiting.
  const runs = [
    ...(await Promise.all([evaluateDatabase('guarded', true), evaluateDatabase('signed', true)])),
    await evaluateDatabase('signed', false),
    ...[await evaluateApps()].filter((run) => run !== null),
    await evaluateHttp(),
  ];
  const faults = runs.flatMap(faultsOf);
  const report: Report = {
    server: description,
    node: process.version,
    at: new Date().toISOString(),
    duration: Math.round((performance.now() - started) / 1000),
    passed: faults.length === 0,
    faults,
    runs,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'isolation-report.html'), reportPage(report));
  await writeFile(join(folder, 'isolation-report.json'), `${JSON.stringify(report, null, 2)}\n`);
  console.log(
    `${faults.length} faults in ${report.duration} s; see ${join(folder, 'isolation-report.html')}`,
  );
  process.exitCode = faults.length > 0 ? 1 : 0;
} finally {
  await server.stop();
}
