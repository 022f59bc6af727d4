import type { MemberService } from '../../definition/owners.ts';
import { notFound } from '../../http/identifier.ts';
import type { OperatorDependencies } from './operator-stacks.ts';

/**
 * Returns the service for the users and the mail of tenants.
 *
 * @throws ApiError `not_found` if no app of the project has users
 */
export function membersOf({ owners }: Pick<OperatorDependencies, 'owners'>): MemberService {
  const members = owners()?.members;
  if (!members) {
    throw notFound();
  }
  return members;
}
