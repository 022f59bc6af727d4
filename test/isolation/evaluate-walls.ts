import { evaluate } from '../../src/attacks/evaluate.ts';
import { appliesTo, goesPast } from '../../src/attacks/record.ts';
import type { Wall } from '../../src/attacks/walls.ts';
import { runChecks } from '../../src/db/checks.ts';
import { extensionsOf } from '../../src/tenancy/registry/project.ts';
import type { World } from '../helpers/world.ts';
import { plant, raw } from './attack.ts';
import type { Attack } from './attacks/attack.ts';
import { attacks } from './attacks/index.ts';
import { disableWalls } from './disable-walls.ts';
import type { Fixtures, Replacements } from './fixture.ts';
import { wholeOf } from './switches/index.ts';
import type { Switch } from './switches/record.ts';

export type AttackResult = Readonly<{
  id: string;
  /** What the attack reached of the other tenant. Null: nothing. */
  leak: string | null;
  /** The same without wall 0, for attacks that wall 0 stops before another wall. Otherwise undefined. */
  past: string | null | undefined;
  /** Milliseconds. */
  duration: number;
}>;

export type SwitchResult = Readonly<{
  id: string;
  /** Attacks that ran before and after the switch disabled its wall. */
  evaluated: readonly string[];
  /** Attacks that only this wall stopped, and that succeeded without it. */
  noticed: readonly string[];
  /** Attacks that succeeded although this wall, as the only one, should have stopped them. */
  through: readonly string[];
  /** Files of sql/checks/ that report the change. */
  checks: readonly string[];
  duration: number;
}>;

const BARE: Partial<Replacements> = { channel: 'bare' };

/** Returns the attacks that apply to a world. */
export const attacksOn = ({ contextMode, version, fleet }: World): readonly Attack[] => {
  const installation = { contextMode, version, extensions: extensionsOf(fleet.project) };
  return attacks.filter((attack) => appliesTo(attack, installation));
};

export async function runAttack(fixtures: Fixtures, attack: Attack): Promise<AttackResult> {
  const started = performance.now();
  const leak = await evaluate(fixtures, attack);
  const past = goesPast(attack) ? await evaluate(fixtures, attack, BARE) : undefined;
  return { id: attack.id, leak, past, duration: Math.round(performance.now() - started) };
}

const othersOf = (attack: Attack, { wall }: Switch): readonly Wall[] =>
  attack.walls.filter((other) => other !== wall);

const LOAD = 'load';

/** The load test takes long: the report runs it with one switch of one of its walls. */
const isReported = (attack: Attack, { id }: Switch): boolean => attack.id !== LOAD || id === 'path-wrong';

/** Disables walls, runs attacks until `enough` of them have succeeded, and returns the ids of those. */
async function evaluateGroup(
  fixtures: Fixtures,
  group: readonly Attack[],
  disabled: readonly Switch[],
  enough = Number.POSITIVE_INFINITY,
): Promise<readonly string[]> {
  await plant(fixtures.world);
  const { replacements, restore } = await disableWalls(fixtures.world, disabled);
  try {
    // Connections are opened after the walls are down, and closed before they are restored.
    return await fixtures.share(async () => {
      const succeeded: string[] = [];
      for (const attack of group) {
        if (succeeded.length >= enough) {
          break;
        }
        if ((await evaluate(fixtures, attack, replacements)) !== null) {
          succeeded.push(attack.id);
        }
      }
      return succeeded;
    });
  } finally {
    await restore();
  }
}

/** Attacks that the same walls must stop, and the switches of the walls other than the one that is tested. */
type Group = Readonly<{ attacks: Attack[]; others: readonly Switch[] }>;

/** Returns the attacks that the wall of a switch must stop. Groups that need fewer disabled walls come first. */
function groupsOf(world: World, one: Switch, isIncluded: (attack: Attack) => boolean): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const attack of attacksOn(world)) {
    if (attack.walls.includes(one.wall) && isIncluded(attack)) {
      const walls = othersOf(attack, one);
      const group = groups.get(walls.join()) ?? {
        attacks: [],
        others: walls.map(wholeOf).filter((other) => other !== undefined),
      };
      group.attacks.push(attack);
      groups.set(walls.join(), group);
    }
  }
  return [...groups.values()].sort((a, b) => a.others.length - b.others.length);
}

/** Attacks that succeeded although a wall, as the only one, should have stopped them. */
async function evaluateOnlyWall(
  fixtures: Fixtures,
  one: Switch,
  groups: readonly Group[],
): Promise<string[]> {
  const through: string[] = [];
  // Once for each wall, with its first switch.
  for (const { attacks, others } of wholeOf(one.wall) === one ? groups : []) {
    if (others.length > 0) {
      through.push(...(await evaluateGroup(fixtures, attacks, others)));
    }
  }
  return through;
}

/**
 * Disables all walls but one for each attack that the wall must stop: every attack must fail. Then disables
 * this wall, too: an attack must succeed. Without the load test, see `evaluateLoad`.
 *
 * @returns the attacks that succeeded with only this wall, and the first that succeeds without it, or null
 */
export async function findNoticingAttack(
  fixtures: Fixtures,
  one: Switch,
): Promise<Readonly<{ noticed: string | null; through: readonly string[] }>> {
  const groups = groupsOf(fixtures.world, one, ({ id }) => id !== LOAD);
  const through = await evaluateOnlyWall(fixtures, one, groups);
  for (const { attacks, others } of groups) {
    const candidates = attacks.filter(({ id }) => !through.includes(id));
    const [noticed] = await evaluateGroup(fixtures, candidates, [...others, one], 1);
    if (noticed !== undefined) {
      return { noticed, through };
    }
  }
  return { noticed: null, through };
}

/** Runs the load test with a single wall, given by the switch that disables it. Returns its id if it succeeded. */
export const evaluateLoad = (fixtures: Fixtures, one: Switch): Promise<readonly string[]> =>
  evaluateOnlyWall(
    fixtures,
    one,
    groupsOf(fixtures.world, one, ({ id }) => id === LOAD),
  );

/** As `findNoticingAttack`, but tries every attack without the wall, and runs the checks without it, for the report. */
export async function runSwitch(fixtures: Fixtures, one: Switch): Promise<SwitchResult> {
  const { world } = fixtures;
  const started = performance.now();
  const groups = groupsOf(world, one, (attack) => isReported(attack, one));
  const through = await evaluateOnlyWall(fixtures, one, groups);
  const noticed: string[] = [];
  for (const { attacks, others } of groups) {
    noticed.push(...(await evaluateGroup(fixtures, attacks, [...others, one])));
  }
  return {
    id: one.id,
    evaluated: groups.flatMap(({ attacks }) => attacks.map(({ id }) => id)),
    noticed: noticed.filter((id) => !through.includes(id)),
    through,
    checks: one.disable ? await checksThatName(world, one) : [],
    duration: Math.round(performance.now() - started),
  };
}

async function checksThatName(world: World, one: Switch): Promise<readonly string[]> {
  const { restore } = await disableWalls(world, [one]);
  try {
    const query = async (text: string) => (await world.pool.any(raw(text))) as Record<string, unknown>[];
    const findings = await runChecks(query, { service: world.service }).catch(() => []);
    return [...new Set(findings.map(({ check }) => check))];
  } finally {
    await restore();
  }
}
