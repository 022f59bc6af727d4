import { setTimeout as wait } from 'node:timers/promises';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import type { TenantId } from '../../../src/tenancy/registry/tenant.ts';
import type { World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';

/** The copies need the CPU, too. */
const PAUSE_MS = 5;

/**
 * Adds a note and a person in each transaction until it is stopped. A consistent copy has as many notes
 * as people.
 */
export function keepWriting(
  world: Pick<World, 'tenantDatabase'>,
  tenant: TenantId,
): { written: () => Promise<void>; stop: () => Promise<void> } {
  let done = false;
  let noticed = Promise.withResolvers<void>();
  const writing = (async () => {
    for (let n = 0; !done; n += 1) {
      await withTenant(world.tenantDatabase, { tenant, readOnly: false }, async (tx) => {
        await tx.any(raw(`insert into notes (name) values ('p') returning id`));
        await tx.any(raw(`insert into people (username, password) values ('u${n}', 'x') returning id`));
      });
      noticed.resolve();
      noticed = Promise.withResolvers();
      await wait(PAUSE_MS);
    }
  })();
  return {
    /** Resolves after the next transaction, or rejects with its error. */
    written: () => Promise.race([noticed.promise, writing]),
    stop: () => {
      done = true;
      return writing;
    },
  };
}
