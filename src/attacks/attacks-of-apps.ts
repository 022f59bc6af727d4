import { OperatorError } from '../errors.ts';
import { loadModule } from '../tenancy/registry/load-module.ts';
import { attacks } from './categories/index.ts';
import type { Attack } from './record.ts';

type AttackedApp = Readonly<{
  name: string;
  attacks: () => Promise<Readonly<{ attacks: readonly Attack[] }>>;
}>;

/**
 * Loads the attacks of a project's apps.
 *
 * @throws OperatorError `configuration_invalid` for an id that another attack has, or that does not begin with the
 *   name of its app
 */
export async function attacksOfApps(apps: readonly AttackedApp[]): Promise<readonly Attack[]> {
  const ids = new Set(attacks.map(({ id }) => id));
  const found: Attack[] = [];
  for (const app of apps) {
    const own = (await loadModule(`the attacks of the app "${app.name}"`, app.attacks)).attacks;
    const prefix = `${app.name.replaceAll('_', '-')}-`;
    for (const attack of own) {
      if (!attack.id.startsWith(prefix) || ids.has(attack.id)) {
        throw new OperatorError(
          'configuration_invalid',
          `The app "${app.name}" has an attack "${attack.id}": its id must begin with ${prefix} and be unique.`,
        );
      }
      ids.add(attack.id);
      found.push(attack);
    }
  }
  return found;
}
