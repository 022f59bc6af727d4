import { suspendTenant } from '../../../tenancy/registry/change-status.ts';
import { changeCommand } from '../../framework/change-command.ts';

export const suspendTenantCommand = changeCommand({
  name: 'suspend-tenant',
  summary: 'Answer 402 on the API of a tenant; log in and its own account stay open.',
  change: suspendTenant,
});
