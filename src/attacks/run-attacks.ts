import { takeSessionLock } from '../db/admin/session-lock.ts';
import { ApiError, OperatorError } from '../errors.ts';
import { withTenant } from '../tenancy/context/with-tenant.ts';
import { attacks } from './categories/index.ts';
import { type AttackContext, CANARY, createAttackTables, createGlobalAttackTable, RIGHT } from './context.ts';
import { evaluate, type Fixtures } from './evaluate.ts';
import { openAttackContext, type Targets } from './open-context.ts';
import { plant, plantStatistics } from './plant.ts';
import { type Attack, type AttackFixture, appliesTo, runsWithoutDriver } from './record.ts';
import { createScratch, removeScratch, type Scratch } from './scratch-tenants.ts';
import { type Channel, raw, sendAsAcme } from './send-as-acme.ts';

/** Attacks that read a large amount of data if they succeed. */
const HEAVY = new Set(['text-database-to-xml']);

export type Verdict = Readonly<{
  id: string;
  /** A sentence: the statement that the attack tests. */
  name: string;
  walls: Attack['walls'];
  /** What the attack got of the other tenant. Null: nothing. */
  leak: string | null;
}>;

export type Hooks = Readonly<{
  /** Checked between two attacks. */
  signal: AbortSignal;
  /** Called once, with the number of tenants that a killed run had left and that were removed. */
  onLeftOvers: (tenants: number) => void;
  onStart: (total: number) => void;
  onVerdict: (verdict: Verdict) => void;
}>;

/** Returns the attacks that apply to an installation: those of the suite, then those of the apps. */
const attacksOn = (scratch: Scratch, ofApps: readonly Attack[]): readonly Attack[] =>
  [...attacks, ...ofApps].filter((attack) => appliesTo(attack, scratch) && !HEAVY.has(attack.id));

/**
 * Checks that a tenant can read its own rows. If no transaction could enter a tenant at all, every
 * attack would fail too.
 */
async function assertOwnRows({ tenantDatabase, acme }: AttackContext): Promise<void> {
  const rows = await withTenant(tenantDatabase, { tenant: acme.id, readOnly: true }, (tx) =>
    tx.any(raw('select name from attack_notes where id = 1')),
  );
  if (JSON.stringify(rows) !== '[{"name":"own one"}]') {
    throw new OperatorError(
      'precondition_failed',
      'A scratch tenant cannot read its own row, so the attacks would prove nothing. Run `tenants check`.',
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
      throw new OperatorError('command_failed', 'Stopped. The scratch tenants were removed.');
    }
    const { id, name, walls } = attack;
    const leak =
      (await evaluate(fixtures, attack)) ??
      (runsWithoutDriver(attack) ? await evaluate(fixtures, attack, { channel: 'bare' }) : null);
    const verdict = { id, name, walls, leak };
    verdicts.push(verdict);
    hooks.onVerdict(verdict);
  }
  return verdicts;
};

/**
 * Attacks an installation: creates two tenants and a global table, and runs, in one of the tenants with
 * the service's login, every attack on the other and on that table that is harmless for real tenants.
 * Data of real tenants, other global tables, rights, settings and functions are not changed.
 *
 * Everything that it creates is removed when it ends; after SIGKILL, by the next run.
 *
 * @throws DomainError `tenant_busy` when another run is in progress, `precondition_failed` when the
 *   installation cannot be attacked, `command_failed` when `signal` was aborted
 */
export async function runAttacks(
  targets: Targets,
  hooks: Hooks,
  ofApps: readonly Attack[] = [],
): Promise<readonly Verdict[]> {
  const { owner, service, project } = targets;
  const lock = await takeSessionLock(owner, `koa-tenants attack ${CANARY}`);
  if (!lock) {
    throw new ApiError('tenant_busy', 'Another `check --attack` is running. Wait until it has ended.');
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
        await createGlobalAttackTable(context);
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
