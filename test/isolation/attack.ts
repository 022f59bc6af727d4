import { plant as plantRows, watchRows } from '../../src/attacks/plant.ts';
import { type Channel, canaryIn, sendAsAcme } from '../../src/attacks/send-as-acme.ts';
import type { World } from '../helpers/world.ts';

export { CANARY, type Guess, RIGHT } from '../../src/attacks/context.ts';
export {
  type Channel,
  describeError,
  enterBare,
  raw,
  sendAsAcme,
} from '../../src/attacks/send-as-acme.ts';

/** Inserts rows into both tenants, and a name into globex that no other tenant may read. */
export async function plant(world: World): Promise<void> {
  await plantRows(world);
  await world.asOwner(`update public.tenants set name = 'canary-8d1f3c' where id = $1`, [world.globex.id]);
}

/** Sends statements as acme. Returns what they read of globex, or `changed a row of globex`. Null: neither. */
export async function attack(
  world: World,
  statements: readonly string[],
  channel: Channel = 'driver',
): Promise<string | null> {
  const { result: received, changed } = await watchRows(world, () => sendAsAcme(world, statements, channel));
  return canaryIn(received) ?? (changed ? 'changed a row of globex' : null);
}
