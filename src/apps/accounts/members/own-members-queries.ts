import { sql } from 'slonik';
import type { z } from 'zod';

import { filtersFor } from '../../../http/lists/filters.ts';
import { columnsOf, type List, type PageContext } from '../../../http/lists/list.ts';
import { orderingFor } from '../../../http/lists/ordering.ts';
import { searchFor } from '../../../http/lists/search.ts';
import { member } from './member.ts';

export type MemberChanges = z.output<typeof member.partialBody>;

const columns = columnsOf(member.row);

/** Returns the list of the users of the host, with the search, the filters and the order of a request. */
export const memberList = ({ query, state: { limits } }: PageContext): List<typeof member.row> => ({
  row: member.row,
  from: sql.fragment`users`,
  where: [
    searchFor(query, ['username', 'email', 'first_name', 'last_name'], { limits }),
    filtersFor(
      query,
      member.fields,
      { is_active: ['exact'], is_staff: ['exact'], is_superuser: ['exact'] },
      { limits },
    ),
  ],
  order: orderingFor(query, member.fields, {
    allowed: ['id', 'username', 'email', 'last_login', 'date_joined', 'is_active', 'is_staff'],
    standard: ['username'],
  }),
});

export const selectMember = (id: string) => sql.type(member.row)`
  select ${columns}
  from users
  where id = ${id}::bigint
`;

/** Returns the user and the caller, locked until the transaction ends, in an order that avoids deadlocks. */
export const lockMembers = (ids: readonly string[]) => sql.type(member.row)`
  select ${columns}
  from users
  where id = any(${sql.array([...ids], 'int8')})
  order by id
  for update
`;

/**
 * Changes the given fields. A change of is_active by staff ends the wait for an activation: its link would reverse a
 * deactivation.
 */
export const updateMember = (id: string, changes: MemberChanges) => sql.type(member.row)`
  update users
  set
    first_name = coalesce(${changes.first_name ?? null}::text, first_name),
    last_name = coalesce(${changes.last_name ?? null}::text, last_name),
    is_active = coalesce(${changes.is_active ?? null}::boolean, is_active),
    awaits_activation = awaits_activation and ${changes.is_active === undefined},
    is_staff = coalesce(${changes.is_staff ?? null}::boolean, is_staff),
    is_superuser = coalesce(${changes.is_superuser ?? null}::boolean, is_superuser)
  where id = ${id}::bigint
  returning ${columns}
`;
