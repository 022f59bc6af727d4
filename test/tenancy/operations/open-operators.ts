import { once } from 'node:events';
import { z } from 'zod';

import { listTenantMigrations, requiredMigrations } from '../../../src/tenancy/migrations/migration-files.ts';
import { openOperators } from '../../../src/tenancy/operations/open-operators.ts';
import { defineOperation, type OperationKind } from '../../../src/tenancy/operations/operation-kind.ts';
import type { Operators } from '../../../src/tenancy/operations/operators.ts';
import { settingsSchemaOf } from '../../../src/tenancy/registry/tenant-settings.ts';
import type { World } from '../../helpers/world.ts';

/** A kind that does nothing but what its arguments say. */
export const paint = defineOperation({
  kind: 'paint',
  title: 'Paint',
  description: 'Paints a tenant.',
  target: 'tenant-or-fleet',
  hidden: ['recipe'],
  arguments: z.strictObject({
    color: z.enum(['red', 'blue']),
    coats: z.number().int().min(1).max(5).default(1),
  }),
  prepare: async ({ color, coats }) => ({ color, coats, recipe: 'prepared' }),
  recorded: z.object({ color: z.string(), coats: z.number(), recipe: z.string() }),
  run: async ({ color, coats, recipe }, { progress, log }) => {
    for (let coat = 1; coat <= coats; coat += 1) {
      progress(coat, coats, `coat ${coat}`);
      log(`painted ${color}`);
    }
    return { color, recipe };
  },
});

const waiting = (kind: string, repeatable: boolean): OperationKind =>
  defineOperation({
    kind,
    title: 'Wait',
    description: 'Waits until it is aborted.',
    target: 'tenant-or-fleet',
    cancelable: true,
    repeatable,
    afterInterruption: 'Wait again.',
    arguments: z.strictObject({}),
    run: async (_given, { signal, progress, log }) => {
      progress(1, 2, 'half');
      log('waits');
      await once(signal, 'abort');
      throw signal.reason;
    },
  });

/** Kinds that run until they are aborted. */
export const waits = [waiting('wait', false), waiting('wait-again', true)];

/** Opens what the service has for operators, on a world. */
export async function operatorsOf(
  { fleet, pool, keys }: World,
  kinds: readonly OperationKind[] = [paint],
): Promise<Operators> {
  return openOperators({
    pool,
    key: keys[0],
    kinds,
    expected: requiredMigrations(await listTenantMigrations(fleet.project)),
    settings: settingsSchemaOf(fleet.project),
    defaults: Object.fromEntries(
      Object.entries(settingsSchemaOf(fleet.project).shape).map(([name, field]) => [
        name,
        z.safeParse(field as z.ZodType, undefined).data,
      ]),
    ),
    baseDomain: 'localhost',
  });
}

export const OPERATOR = { actor: 'olga', address: '192.0.2.7' };
