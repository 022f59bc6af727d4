import { databaseOf, type Offender } from '../offender.ts';

export const tenantRoleRights: readonly Offender[] = [
  {
    check: 'tenant-role-rights',
    what: 'a tenant that may create schemas',
    plant: (world) => `grant create on database ${databaseOf(world)} to ${world.acme.role}`,
    found: (world) =>
      `database ${databaseOf(world)} gives rights to ${world.acme.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a tenant with rights on another database',
    plant: ({ acme }) => `grant temporary on database template1 to ${acme.role}`,
    found: ({ acme }) => `database template1 gives rights to ${acme.role}, the tenant role of another schema`,
    shared: true,
  },
  {
    check: 'tenant-role-rights',
    what: 'a table of the neighbor',
    plant: ({ globex }) => `grant select on acme.notes to ${globex.role}`,
    found: ({ globex }) =>
      `table acme.notes gives rights to ${globex.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a column of the neighbor',
    plant: ({ globex }) => `grant select (name) on acme.notes to ${globex.role}`,
    found: ({ globex }) =>
      `table acme.notes gives rights to ${globex.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a sequence of the neighbor',
    plant: ({ globex }) => `grant usage on sequence acme.notes_id_seq to ${globex.role}`,
    found: ({ globex }) =>
      `sequence acme.notes_id_seq gives rights to ${globex.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a function of the neighbor',
    plant: ({ globex }) => `
      create function acme.one() returns integer language sql return 1;
      grant execute on function acme.one() to ${globex.role}`,
    found: ({ globex }) =>
      `function acme.one() gives rights to ${globex.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'two tenant roles in one schema',
    plant: ({ globex }) => `grant usage on schema acme to ${globex.role}`,
    found: ({ globex }) => `schema acme gives rights to ${globex.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a registry that a tenant may read',
    plant: ({ acme }) => `grant select on public.domains to ${acme.role}`,
    found: ({ acme }) =>
      `table public.domains gives rights to ${acme.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a SECURITY DEFINER function that a tenant may call',
    plant: ({ acme }) => `grant execute on function tenancy.resolve_host(text) to ${acme.role}`,
    found: ({ acme }) =>
      `function tenancy.resolve_host(pg_catalog.text) gives rights to ${acme.role}, the tenant role of another schema`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a tenant that may change its role',
    plant: ({ acme }) =>
      `grant execute on function pg_catalog.set_config(text, text, boolean) to ${acme.role}`,
    found: ({ acme }) => new RegExp(`^function pg_catalog\\.set_config\\(.*\\) gives rights to ${acme.role}`),
  },
  {
    check: 'tenant-role-rights',
    what: 'a tenant that may create functions',
    plant: ({ acme }) => `grant usage on language plpgsql to ${acme.role}`,
    found: ({ acme }) => `language plpgsql gives rights to ${acme.role}, the tenant role of another schema`,
  },
  ...['truncate', 'references', 'trigger'].map(
    (privilege): Offender => ({
      check: 'tenant-role-rights',
      what: `${privilege} on its own table`,
      plant: ({ acme }) => `grant ${privilege} on acme.notes to ${acme.role}`,
      found: ({ acme }) =>
        `table acme.notes gives ${acme.role} ${privilege.toUpperCase()}, to which no policy applies, or with the grant option`,
    }),
  ),
  {
    check: 'tenant-role-rights',
    what: 'a right with the grant option',
    plant: ({ acme }) => `grant select on acme.notes to ${acme.role} with grant option`,
    found: ({ acme }) =>
      `table acme.notes gives ${acme.role} SELECT, to which no policy applies, or with the grant option`,
    // The tenant keeps the right.
    remedy: ({ acme }) => `revoke grant option for select on table acme.notes from ${acme.role}`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a schema whose use a tenant may hand on',
    plant: ({ acme }) => `grant usage on schema acme to ${acme.role} with grant option`,
    found: ({ acme }) =>
      `schema acme gives ${acme.role} USAGE, to which no policy applies, or with the grant option`,
    remedy: ({ acme }) => `revoke grant option for usage on schema acme from ${acme.role}`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a tenant that may create tables',
    plant: ({ acme }) => `grant create on schema acme to ${acme.role}`,
    found: ({ acme }) =>
      `schema acme gives ${acme.role} CREATE, to which no policy applies, or with the grant option`,
  },
  {
    check: 'tenant-role-rights',
    what: 'a tenant that owns a table',
    plant: ({ acme }) => `alter table acme.notes owner to ${acme.role}`,
    found: ({ acme }) => `table acme.notes is owned by the tenant role ${acme.role}`,
  },
  {
    check: 'tenant-role-rights',
    what: "a tenant schema that is not tenant_owner's",
    plant: () => 'alter schema acme owner to postgres',
    found: ({ acme }) => `schema acme gives rights to ${acme.role}, the tenant role of another schema`,
    remedyNotRun: true,
  },
  ...(
    [
      ['login', 'can log in'],
      ['superuser', 'is a superuser'],
      ['bypassrls', 'bypasses row-level security'],
      ['createrole', 'may create roles'],
    ] as const
  ).map(
    ([attribute, fault]): Offender => ({
      check: 'tenant-role-rights',
      what: `a tenant role with ${attribute}`,
      plant: ({ acme }) => `alter role ${acme.role} ${attribute}`,
      found: ({ acme }) => `role ${acme.role} ${fault}`,
    }),
  ),
  {
    check: 'tenant-role-rights',
    what: 'a tenant that is a member of its neighbor',
    plant: ({ acme, globex }) => `grant ${acme.role} to ${globex.role}`,
    found: ({ acme, globex }) => `role ${globex.role} is a member of ${acme.role}`,
  },
];
