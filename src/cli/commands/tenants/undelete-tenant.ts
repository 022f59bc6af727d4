import { undeleteTenant } from '../../../tenancy/registry/change-status.ts';
import { changeCommand } from '../../framework/change-command.ts';

export const undeleteTenantCommand = changeCommand({
  name: 'undelete-tenant',
  summary: 'Bring a deleted tenant back, while it is not purged.',
  change: undeleteTenant,
});
