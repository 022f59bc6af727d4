import { undeleteTenant } from '../tenancy/change-status.ts';
import { changeCommand } from './change-command.ts';

export const undeleteTenantCommand = changeCommand({
  name: 'undelete-tenant',
  summary: 'Bring a deleted tenant back, while it is not purged.',
  change: undeleteTenant,
});
