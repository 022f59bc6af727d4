import type { AppCommands } from '../../../definition/app-commands.ts';
import { changePassword } from './change-password.ts';
import { createSuperuser } from './create-superuser.ts';
import { flushExpiredTokens } from './flush-expired-tokens.ts';
import { hashPasswordCommand } from './hash-password.ts';
import { outbox } from './outbox.ts';
import { permissionsCommand } from './permissions.ts';
import { setStaff } from './set-staff.ts';

export { createTenantWithSuperuser as createTenant } from './create-tenant-superuser.ts';

export const commands = [
  createSuperuser,
  changePassword,
  setStaff,
  permissionsCommand,
  outbox,
  flushExpiredTokens,
  hashPasswordCommand,
] as AppCommands['commands'];
