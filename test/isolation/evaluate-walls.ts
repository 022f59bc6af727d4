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

/** The load test takes long: it runs with one switch of one of its walls. */
const isApplicable = (attack: Attack, { id }: Switch): boolean => attack.id !== 'load' || id === 'path-wrong';

async function evaluateAll(fixtures: Fixtures, group: readonly Attack[], disabled: readonly Switch[]) {
  await plant(fixtures.world);
  const { replacements, restore } = await disableWalls(fixtures.world, disabled);
  try {
    // Connections are opened after the walls are down, and closed before they are restored.
    return await fixtures.share(async () => {
      const through: string[] = [];
      for (const attack of group) {
        if ((await evaluate(fixtures, attack, replacements)) !== null) {
          through.push(attack.id);
        }
      }
      return through;
    });
  } finally {
    await restore();
  }
}

/**
 * Disables one wall, after all others that would stop an attack, for each attack that the wall must
 * stop. With this wall as the only one, every attack must fail. Without it, one must succeed.
 */
export async function runSwitch(fixtures: Fixtures, one: Switch): Promise<SwitchResult> {
  const { world } = fixtures;
  const started = performance.now();
  const groups = new Map<string, Attack[]>();
  for (const attack of attacksOn(world)) {
    if (attack.walls.includes(one.wall) && isApplicable(attack, one)) {
      const key = othersOf(attack, one).join();
      groups.set(key, [...(groups.get(key) ?? []), attack]);
    }
  }
  const noticed: string[] = [];
  const through: string[] = [];
  for (const [key, group] of groups) {
    const others = (key ? key.split(',') : [])
      .map((wall) => wholeOf(wall as Wall))
      .filter((other) => !!other);
    // Shown once for each wall.
    const isFirstSwitch = wholeOf(one.wall) === one;
    if (isFirstSwitch && others.length > 0) {
      through.push(...(await evaluateAll(fixtures, group, others)));
    }
    noticed.push(...(await evaluateAll(fixtures, group, [...others, one])));
  }
  return {
    id: one.id,
    evaluated: [...groups.values()].flat().map(({ id }) => id),
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
