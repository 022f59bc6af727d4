import { resumeTenant } from '../../../tenancy/registry/change-status.ts';
import { changeCommand } from '../../framework/change-command.ts';

export const resumeTenantCommand = changeCommand({
  name: 'resume-tenant',
  summary: 'Serve a suspended tenant again.',
  change: resumeTenant,
});
