import { evaluate } from '../../src/attacks/evaluate.ts';
import { appliesTo, runsWithoutDriver } from '../../src/attacks/record.ts';
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
  withoutDriver: string | null | undefined;
  /** Milliseconds. */
  duration: number;
}>;

export type SwitchResult = Readonly<{
  id: string;
  /** Attacks that ran before and after the switch disabled its wall. */
  evaluated: readonly string[];
  /** Attacks that only this wall stopped, and that succeeded without it. */
  succeeded: readonly string[];
  /** Attacks that succeeded although this wall, as the only one, should have stopped them. */
  notStopped: readonly string[];
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
  const withoutDriver = runsWithoutDriver(attack) ? await evaluate(fixtures, attack, BARE) : undefined;
  return { id: attack.id, leak, withoutDriver, duration: Math.round(performance.now() - started) };
}

const LOAD = 'load';

/** The load test takes long: the report runs it with one switch of one of its walls. */
const SWITCH_WITH_LOAD = 'path-wrong';

/** Disables walls, runs attacks until `enough` of them have succeeded, and returns the ids of those. */
async function evaluateGroup(
  fixtures: Fixtures,
  group: readonly Attack[],
  disabled: readonly Switch[],
  enough = Number.POSITIVE_INFINITY,
): Promise<readonly string[]> {
  await plant(fixtures.world);
  const { replacements, restore } = await disableWalls(fixtures.world, disabled);
  // A session keeps the attributes that its login had when it began. Other rights are checked with each statement.
  const renewSessions = disabled.some(({ wall }) => wall === 'login') ? fixtures.closeIdle : async () => {};
  try {
    await renewSessions();
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
  } finally {
    await restore();
    await renewSessions();
  }
}

/** Attacks that the same walls must stop, and the switches of the walls other than the one that is tested. */
type Group = Readonly<{ attacks: readonly Attack[]; others: readonly Switch[] }>;

/** Returns the switches of an attack's walls other than `wall`. */
const othersOf = ({ walls }: Attack, wall: Wall): readonly Switch[] =>
  walls
    .filter((other) => other !== wall)
    .map(wholeOf)
    .filter((other) => other !== undefined);

const keyOf = (disabled: readonly Switch[]): string =>
  disabled
    .map(({ id }) => id)
    .sort()
    .join();

/** Returns the attacks that the wall of a switch must stop. Groups that need fewer disabled walls come first. */
function groupsOf(attacks: readonly Attack[], { wall }: Switch): readonly Group[] {
  const groups = new Map<string, { attacks: Attack[]; others: readonly Switch[] }>();
  for (const attack of attacks.filter(({ walls }) => walls.includes(wall))) {
    const others = othersOf(attack, wall);
    const group = groups.get(keyOf(others)) ?? { attacks: [], others };
    group.attacks.push(attack);
    groups.set(keyOf(others), group);
  }
  return [...groups.values()].sort((a, b) => a.others.length - b.others.length);
}

/** Returns the ids of the attacks that succeed when the walls of these switches are disabled. */
type FindSuccessful = (disabled: readonly Switch[]) => Promise<readonly string[]>;

/** Returns, for each attack and each of its walls, the switches of its other walls. Attacks with the same switches are one group. */
function groupsWithOneWall(attacks: readonly Attack[]): ReadonlyMap<string, Group> {
  const groups = new Map<string, { attacks: Attack[]; others: readonly Switch[] }>();
  for (const attack of attacks) {
    for (const others of attack.walls.filter(wholeOf).map((wall) => othersOf(attack, wall))) {
      const group = groups.get(keyOf(others)) ?? { attacks: [], others };
      group.attacks.push(attack);
      groups.set(keyOf(others), group);
    }
  }
  return groups;
}

const isHardening = ({ wall }: Switch): boolean => wall === 'hardening';

/**
 * Returns a function that runs all attacks that one further wall must stop. Each group runs once, also if it tests
 * several walls. Disabling the hardening takes longest, so that all groups without it run together.
 */
function evaluateWithOneWall(fixtures: Fixtures, attacks: readonly Attack[]): FindSuccessful {
  const groups = groupsWithOneWall(attacks);
  const results = new Map<string, readonly string[]>();
  const run = async (runs: readonly Group[], down: readonly Switch[]): Promise<void> => {
    const { restore } = await disableWalls(fixtures.world, down);
    try {
      for (const { attacks: group, others } of runs) {
        const further = others.filter((other) => !down.includes(other));
        results.set(keyOf(others), await evaluateGroup(fixtures, group, further));
      }
    } finally {
      await restore();
    }
  };
  return async (others) => {
    const key = keyOf(others);
    const down = others.filter(isHardening);
    if (!results.has(key)) {
      await run(
        [...groups.values()].filter((group) =>
          down.length > 0 ? group.others.some(isHardening) : keyOf(group.others) === key,
        ),
        down,
      );
    }
    const successful = results.get(key);
    if (!successful) {
      throw new TypeError(`No attack has these walls besides one: ${key}.`);
    }
    return successful;
  };
}

/** Returns the attacks that succeeded although the wall of `one`, as the only one, should have stopped them. */
async function evaluateOnlyWall(
  findSuccessful: FindSuccessful,
  attacks: readonly Attack[],
  one: Switch,
): Promise<readonly string[]> {
  const notStopped: string[] = [];
  // Once for each wall, with its first switch.
  for (const group of wholeOf(one.wall) === one ? groupsOf(attacks, one) : []) {
    if (group.others.length > 0) {
      const successful = await findSuccessful(group.others);
      notStopped.push(...group.attacks.map(({ id }) => id).filter((id) => successful.includes(id)));
    }
  }
  return notStopped;
}

/** Runs attacks with disabled walls. */
export type Evaluation = Readonly<{
  /**
   * Disables all walls but one for each attack that the wall must stop: every attack must fail. Then disables
   * this wall, too: an attack must succeed. Without the load test, see `evaluateLoad`.
   *
   * @returns the attacks that succeeded with only this wall, and the first that succeeds without it, or null
   */
  findSuccessfulAttack: (
    one: Switch,
  ) => Promise<Readonly<{ succeeded: string | null; notStopped: readonly string[] }>>;
  /** Runs the load test with a single wall, given by the switch that disables it. Returns its id if it succeeded. */
  evaluateLoad: (one: Switch) => Promise<readonly string[]>;
  /** As `findSuccessfulAttack`, but tries every attack without the wall, and runs the checks without it, for the report. */
  runSwitch: (one: Switch) => Promise<SwitchResult>;
}>;

export function openEvaluation(fixtures: Fixtures): Evaluation {
  const { world } = fixtures;
  const all = attacksOn(world);
  const load = all.filter(({ id }) => id === LOAD);
  const attacksWithoutLoad = all.filter(({ id }) => id !== LOAD);
  const findLoad = evaluateWithOneWall(fixtures, load);
  const findOthers = evaluateWithOneWall(fixtures, attacksWithoutLoad);
  const evaluateLoad = (one: Switch) => evaluateOnlyWall(findLoad, load, one);
  const evaluateOthers = (one: Switch) => evaluateOnlyWall(findOthers, attacksWithoutLoad, one);

  return {
    evaluateLoad,

    findSuccessfulAttack: async (one) => {
      const notStopped = await evaluateOthers(one);
      for (const { attacks: stopped, others } of groupsOf(attacksWithoutLoad, one)) {
        const candidates = stopped.filter(({ id }) => !notStopped.includes(id));
        const [succeeded] = await evaluateGroup(fixtures, candidates, [...others, one], 1);
        if (succeeded !== undefined) {
          return { succeeded, notStopped };
        }
      }
      return { succeeded: null, notStopped };
    },

    runSwitch: async (one) => {
      const started = performance.now();
      const withLoad = one.id === SWITCH_WITH_LOAD;
      const groups = groupsOf([...attacksWithoutLoad, ...(withLoad ? load : [])], one);
      const notStopped = [...(await evaluateOthers(one)), ...(withLoad ? await evaluateLoad(one) : [])];
      const succeeded: string[] = [];
      for (const { attacks: stopped, others } of groups) {
        succeeded.push(...(await evaluateGroup(fixtures, stopped, [...others, one])));
      }
      return {
        id: one.id,
        evaluated: groups.flatMap(({ attacks: stopped }) => stopped.map(({ id }) => id)),
        succeeded: succeeded.filter((id) => !notStopped.includes(id)),
        notStopped,
        checks: one.disable ? await checksThatName(world, one) : [],
        duration: Math.round(performance.now() - started),
      };
    },
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
