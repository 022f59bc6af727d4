import { suspendTenant } from '../../../tenancy/registry/change-status.ts';
import { changeCommand } from '../../framework/change-command.ts';

export const suspendTenantCommand = changeCommand({
  name: 'suspend-tenant',
  summary: "Suspend a tenant. Its API returns 402, except for login and the user's own account.",
  change: suspendTenant,
});
