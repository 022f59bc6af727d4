import { dataOf, tenant } from '../api/client';
import type { components } from '../api/generated/tenant';

/** A user of the host with their rights. */
export type Member = components['schemas']['Member'];
export type MemberChanges = components['schemas']['PatchedMemberRequest'];

/** @throws Failure */
export const loadMember = (id: string): Promise<Member> =>
  dataOf(tenant.GET('/api/auth/members/{id}/', { params: { path: { id: Number(id) } } }));

/** @throws Failure */
export const changeMember = (id: number, body: MemberChanges): Promise<Member> =>
  dataOf(tenant.PATCH('/api/auth/members/{id}/', { params: { path: { id } }, body }));

export const roleOf = ({ is_superuser: isSuperuser, is_staff: isStaff }: Member): string =>
  isSuperuser ? 'Superuser' : isStaff ? 'Staff' : 'User';
