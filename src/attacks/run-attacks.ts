import { takeSessionLock } from '../db/admin/session-lock.ts';
import { DomainError } from '../errors.ts';
import { withTenant } from '../tenancy/context/with-tenant.ts';
import { attacks } from './categories/index.ts';
import { type AttackContext, CANARY, createAttackTables, plant, plantStatistics, RIGHT } from './context.ts';
import { evaluate, type Fixtures } from './evaluate.ts';
import { openAttackContext, type Targets } from './open-context.ts';
import { type Attack, type AttackFixture, goesPast } from './record.ts';
import { createScratch, removeScratch, type Scratch } from './scratch-tenants.ts';
import { type Channel, raw, sendAsAcme } from './send-as-acme.ts';

/** Reads as much as there is to read, where it gets through: a load. */
const HEAVY = new Set(['text-database-to-xml']);

export type Verdict = Readonly<{
  id: string;
  /** A sentence: what is not possible. */
  name: string;
  walls: Attack['walls'];
  /** What it got of the neighbour; null when it got nothing. */
  leak: string | null;
}>;

export type Hooks = Readonly<{
  /** Looked at between two attacks. */
  signal: AbortSignal;
  /** Told once, when what a killed run had left was removed. */
  onLeftOvers: (tenants: number) => void;
  onStart: (total: number) => void;
  onVerdict: (verdict: Verdict) => void;
}>;

/** The attacks that a run makes in a context mode: those of the suite, then those of the apps. */
const attacksOn = (
  { contextMode }: Pick<Scratch, 'contextMode'>,
  ofApps: readonly Attack[],
): readonly Attack[] =>
  [...attacks, ...ofApps].filter(
    (attack) => (attack.contextMode ?? contextMode) === contextMode && !HEAVY.has(attack.id),
  );

/** Without this a run in which nobody enters at all would look like walls that hold. */
async function assertOwnRows({ tenantDatabase, acme }: AttackContext): Promise<void> {
  const rows = await withTenant(tenantDatabase, { tenant: acme.id, readOnly: true }, (tx) =>
    tx.any(raw('select name from attack_notes where id = 1')),
  );
  if (JSON.stringify(rows) !== '[{"name":"own one"}]') {
    throw new DomainError(
      'precondition_failed',
      'A scratch tenant does not see its own row, so nothing that it cannot see proves anything: run `tenants check`.',
    );
  }
}

const attackAll = async (
  context: AttackContext,
  todo: readonly Attack[],
  hooks: Hooks,
): Promise<readonly Verdict[]> => {
  const fixtures: Fixtures<AttackFixture, Readonly<{ channel: Channel }>> = {
    world: context,
    fixture: (replacements = { channel: 'driver' }, guess = RIGHT) => ({
      world: context,
      replacements,
      guess,
      send: (statements) => sendAsAcme(context, statements, replacements.channel),
    }),
  };
  const verdicts: Verdict[] = [];
  for (const attack of todo) {
    if (hooks.signal.aborted) {
      throw new DomainError('command_failed', 'Stopped. What was made for the attacks is removed.');
    }
    const { id, name, walls } = attack;
    const leak =
      (await evaluate(fixtures, attack)) ??
      (goesPast(attack) ? await evaluate(fixtures, attack, { channel: 'bare' }) : null);
    const verdict = { id, name, walls, leak };
    verdicts.push(verdict);
    hooks.onVerdict(verdict);
  }
  return verdicts;
};

/**
 * Attacks an installation: of two tenants that it makes for that, one tries all
 * that harms nobody else against the other, with the service's login. Nothing of
 * other tenants, and no right, setting or function, is changed.
 *
 * What it made is removed when it ends, however it ends; after a SIGKILL, when it
 * runs again.
 *
 * @throws DomainError `tenant_busy` when another run is at it, `precondition_failed` when the
 *   installation cannot be attacked, `command_failed` when `signal` ended it
 */
export async function runAttacks(
  targets: Targets,
  hooks: Hooks,
  ofApps: readonly Attack[] = [],
): Promise<readonly Verdict[]> {
  const { owner, service, project } = targets;
  const lock = await takeSessionLock(owner, `koa-tenants attack ${CANARY}`);
  if (!lock) {
    throw new DomainError('tenant_busy', 'Another `check --attack` is at it; wait until it has ended.');
  }
  try {
    const left = await removeScratch(owner);
    if (left > 0) {
      hooks.onLeftOvers(left);
    }
    try {
      const scratch = await createScratch(owner, project, service === null);
      const { context, close } = await openAttackContext(targets, scratch);
      try {
        await createAttackTables(context, [context.acme, context.globex]);
        await plant(context);
        await plantStatistics(context);
        await assertOwnRows(context);
        const todo = attacksOn(scratch, ofApps);
        hooks.onStart(todo.length);
        const verdicts = await attackAll(context, todo, hooks);
        await plant(context);
        await assertOwnRows(context);
        return verdicts;
      } finally {
        await close();
      }
    } finally {
      await removeScratch(owner);
    }
  } finally {
    await lock.release();
  }
}
