import { unknownPermission } from '../../../http/permission-names.ts';

/** Returns the fault of a value that is to be stored as the permissions of a user, or null. */
export function permissionsFault(value: unknown, permissions: readonly string[]): string | null {
  if (!Array.isArray(value)) {
    return 'it must be a list of permissions';
  }
  const unknown = value.find((name) => typeof name !== 'string' || !permissions.includes(name));
  return unknown === undefined ? null : unknownPermission(String(unknown), permissions).replace(/\.$/, '');
}
