import { resumeTenant } from '../tenancy/change-status.ts';
import { changeCommand } from './change-command.ts';

export const resumeTenantCommand = changeCommand({
  name: 'resume-tenant',
  summary: 'Serve a suspended tenant again.',
  change: resumeTenant,
});
