import type { World } from '../../../helpers/world.ts';
import type { Offender } from '../offender.ts';

export const unprotectedRelations: readonly Offender[] = [
  {
    check: 'unprotected-relations',
    what: 'a table without row-level security',
    plant: () => 'alter table acme.notes disable row level security',
    found: () => 'table acme.notes has no row-level security',
  },
  {
    check: 'unprotected-relations',
    what: 'a table whose owner bypasses the policy',
    plant: () => 'alter table acme.notes no force row level security',
    found: () => 'table acme.notes does not force row-level security on its owner',
  },
  {
    check: 'unprotected-relations',
    what: 'a table without policy',
    plant: () => 'drop policy same_tenant on acme.notes',
    found: () => 'table acme.notes has no policy',
  },
  {
    check: 'unprotected-relations',
    what: 'a table created outside of migrations',
    plant: () => 'set local role tenant_owner; create table acme."New" (id bigint); reset role',
    found: () => 'table acme."New" has no policy',
  },
  {
    check: 'unprotected-relations',
    what: 'a partition without policy',
    plant: () => `
      set local role tenant_owner;
      create table acme.events (id bigint) partition by range (id);
      select tenancy.protect_schema('acme');
      create table acme.events_1 partition of acme.events for values from (1) to (9);
      reset role`,
    found: () => 'table acme.events_1 has no policy',
  },
  {
    check: 'unprotected-relations',
    what: 'a second policy',
    plant: () => 'create policy everybody on acme.notes using (true)',
    found: () => 'table acme.notes has 2 policies, and a row that any of them permits is visible',
    remedyNotRun: true,
  },
  ...(
    [
      ['that lets everybody in', () => 'using (true)'],
      [
        'of the neighbor',
        ({ globex }: World) => `using ((select tenancy.current_tenant() = '${globex.role}'))`,
      ],
      [
        'for select only',
        ({ acme }: World) => `for select using ((select tenancy.current_tenant() = '${acme.role}'))`,
      ],
      [
        'that restricts',
        ({ acme }: World) => `as restrictive using (tenancy.current_tenant() = '${acme.role}')`,
      ],
      [
        'to one role',
        ({ acme }: World) => `to ${acme.role} using (tenancy.current_tenant() = '${acme.role}')`,
      ],
      [
        'with another way in',
        ({ acme }: World) => `using (tenancy.current_tenant() = '${acme.role}' or true)`,
      ],
      ['that negates', ({ acme }: World) => `using (not (tenancy.current_tenant() = '${acme.role}'))`],
      [
        'that asks a null',
        ({ acme }: World) => `using ((tenancy.current_tenant() = '${acme.role}') is not false)`,
      ],
      [
        'that lets every row be written',
        ({ acme }: World) => `using (tenancy.current_tenant() = '${acme.role}') with check (true)`,
      ],
      [
        'of a setting that anybody may set',
        ({ acme }: World) => `using (current_setting('app.tenant', true) = '${acme.role}')`,
      ],
      [
        'of the neighbor, and ours elsewhere',
        ({ acme, globex }: World) =>
          `using ((select tenancy.current_tenant() = '${globex.role}') or '${acme.role}' is null)`,
      ],
    ] as const
  ).map(
    ([what, policy]): Offender => ({
      check: 'unprotected-relations',
      what: `a policy ${what}`,
      plant: (world) =>
        `drop policy same_tenant on acme.notes; create policy "Odd one" on acme.notes ${policy(world)}`,
      found: () =>
        'table acme.notes has a policy, "Odd one", that does not permit exactly the tenant of its schema',
    }),
  ),
  {
    check: 'unprotected-relations',
    what: 'a policy that calls another function of the same name',
    plant: ({ acme }) => `
      create function public.current_tenant() returns text language sql return '${acme.role}';
      drop policy same_tenant on acme.notes;
      create policy same_tenant on acme.notes using (public.current_tenant() = '${acme.role}');
      set local search_path = public`,
    found: () => /^table acme\.notes has a policy, same_tenant, that does not permit exactly/,
  },
  {
    check: 'unprotected-relations',
    what: 'an altered policy with the same name',
    plant: ({ globex }) =>
      `alter policy same_tenant on acme.notes using ((select tenancy.current_tenant() in ('${globex.role}')))`,
    found: () =>
      'table acme.notes has a policy, same_tenant, that does not permit exactly the tenant of its schema',
  },
  {
    check: 'unprotected-relations',
    what: 'a table that belongs to its tenant role',
    plant: ({ acme }) => `alter table acme.notes owner to ${acme.role}`,
    found: ({ acme }) => `table acme.notes is owned by ${acme.role}, which can disable its policy`,
  },
];
