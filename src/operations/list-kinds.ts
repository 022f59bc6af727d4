import { appValues, type Config } from '../config/config.ts';
import type { Project } from '../definition/define-project.ts';
import type { OperationDependencies } from '../definition/dependencies.ts';
import { OperatorError } from '../errors.ts';
import type { OperationKind } from '../tenancy/operations/operation-kind.ts';
import { loadModule } from '../tenancy/registry/load-module.ts';
import { domainKinds } from './kinds/domains.ts';
import { fleetKinds } from './kinds/fleet.ts';
import { lifecycleKinds } from './kinds/lifecycle.ts';
import { changeSettingsKind } from './kinds/settings.ts';
import { statusKinds } from './kinds/status.ts';
import { transferKinds } from './kinds/transfer.ts';

type Parts = Pick<OperationDependencies, 'ownerService' | 'owners'>;

/**
 * Returns the kinds of operations of the engine and of the apps.
 *
 * @throws OperatorError `configuration_invalid` if two have one name
 */
export async function listOperationKinds(
  project: Project,
  config: Config,
  parts: Parts,
): Promise<readonly OperationKind[]> {
  const kinds = [
    ...lifecycleKinds(config, parts),
    ...statusKinds,
    ...domainKinds(config),
    changeSettingsKind,
    ...transferKinds(config),
    ...fleetKinds(project, config),
  ];
  for (const app of project.apps) {
    const { operations } = await loadModule(`the operations of the app "${app.name}"`, app.operations);
    const environment = { ...appValues(app, config), BASE_DOMAIN: config.BASE_DOMAIN };
    for (const kind of operations({ ...parts, environment })) {
      if (kinds.some((other) => other.kind === kind.kind)) {
        throw new OperatorError(
          'configuration_invalid',
          `The app "${app.name}" declares the operation "${kind.kind}", which exists already.`,
        );
      }
      kinds.push(kind);
    }
  }
  return kinds;
}
