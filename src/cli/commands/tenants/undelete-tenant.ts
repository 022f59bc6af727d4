import { undeleteTenant } from '../../../tenancy/registry/change-status.ts';
import { changeCommand } from '../../framework/change-command.ts';

export const undeleteTenantCommand = changeCommand({
  name: 'undelete-tenant',
  summary: 'Restore a deleted tenant that was not purged.',
  change: undeleteTenant,
});
