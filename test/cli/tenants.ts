import { environmentOf } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { type Ran, run } from './run.ts';

type Tenants = (
  args: readonly string[],
  input?: string,
  overrides?: Readonly<Record<string, string>>,
) => Promise<Ran>;

/**
 * Returns a function that runs a command on the world of a test file: `tenants(['migrate'], input, { NAME: 'value' })`.
 *
 * @param file a program of test/fixture-app/
 */
export const tenantsOn =
  (world: () => World, file = 'served-cli.ts'): Tenants =>
  (args, input = '', overrides = {}) =>
    run(file, args, environmentOf(world(), overrides), input);
