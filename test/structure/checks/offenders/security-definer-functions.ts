import type { Offender } from '../offender.ts';

export const securityDefinerFunctions: readonly Offender[] = [
  {
    check: 'security-definer-functions',
    what: 'a SECURITY DEFINER function of a tenant',
    plant: () => `
      create function acme.mine() returns bigint language sql security definer
      as 'select count(*) from globex.notes'`,
    found: () => 'function acme.mine() runs with the rights of postgres, outside schema tenancy',
    remedy: () =>
      'if every caller has the rights that it needs: alter function acme.mine() security invoker; otherwise move it to another database',
    follow: () => 'alter function acme.mine() security invoker',
  },
  {
    check: 'security-definer-functions',
    what: 'a SECURITY DEFINER function in public',
    plant: () => `create procedure public.mine() language sql security definer as 'select 1'`,
    found: () => 'function public.mine() runs with the rights of postgres, outside schema tenancy',
    follow: () => 'alter procedure public.mine() security invoker',
  },
  {
    check: 'security-definer-functions',
    what: 'a SECURITY DEFINER function without a pinned path',
    plant: () => 'alter function tenancy.resolve_host(text) reset search_path',
    found: () =>
      'function tenancy.resolve_host(text) runs with the rights of its owner on the path of its caller',
  },
  {
    check: 'security-definer-functions',
    what: 'a SECURITY DEFINER function whose path begins with pg_temp implicitly',
    plant: () => 'alter function tenancy.resolve_host(text) set search_path = pg_catalog',
    found: () =>
      'function tenancy.resolve_host(text) runs with the rights of its owner on the path of its caller',
  },
  {
    check: 'security-definer-functions',
    what: 'a SECURITY DEFINER function of a superuser',
    plant: () => 'alter function tenancy.resolve_host(text) owner to postgres',
    found: () =>
      'function tenancy.resolve_host(text) runs with the rights of postgres and not of tenancy_owner',
  },
];
