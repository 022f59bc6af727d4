import type { Offender } from '../offender.ts';

export const tenancyRights: readonly Offender[] = [
  ...(
    [
      [
        'execute on function tenancy.mac(text, text, text) to public',
        'function tenancy.mac(text, text, text) gives EXECUTE to PUBLIC',
      ],
      [
        'execute on function tenancy.enter(uuid, bigint, text) to public',
        'function tenancy.enter(uuid, bigint, text) gives EXECUTE to PUBLIC',
      ],
      [
        'execute on function tenancy.enter_owner(text) to public',
        'function tenancy.enter_owner(text) gives EXECUTE to PUBLIC',
      ],
      [
        'execute on function tenancy.set_context(text) to tenant_owner',
        'function tenancy.set_context(text) gives EXECUTE to tenant_owner',
      ],
      ['select on tenancy.keys to tenant_owner', 'table tenancy.keys gives SELECT to tenant_owner'],
      [
        'select (inner_pad) on tenancy.keys to tenant_owner',
        'table tenancy.keys gives SELECT to tenant_owner',
      ],
      ['create on schema tenancy to tenant_owner', 'schema tenancy gives CREATE to tenant_owner'],
    ] as const
  ).map(
    ([right, found]): Offender => ({
      check: 'tenancy-rights',
      what: right,
      plant: () => `grant ${right}`,
      found: () => found,
    }),
  ),
  {
    check: 'tenancy-rights',
    what: 'a login that may enter as owner',
    plant: ({ service }) => `grant execute on function tenancy.enter_owner(text) to ${service}`,
    found: ({ service }) => `function tenancy.enter_owner(text) gives EXECUTE to ${service}`,
  },
  {
    check: 'tenancy-rights',
    what: 'a new function that PUBLIC may execute',
    plant: () => 'create function tenancy.fresh() returns integer language sql return 1',
    found: () => 'function tenancy.fresh() gives EXECUTE to PUBLIC',
  },
  {
    check: 'tenancy-rights',
    what: 'a table of keys with another owner',
    plant: ({ service }) => `alter table tenancy.keys owner to ${service}`,
    found: ({ service }) => `table tenancy.keys belongs to ${service} and not to tenancy_owner`,
  },
];
