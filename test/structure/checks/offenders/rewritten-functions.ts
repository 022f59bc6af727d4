import type { Offender } from '../offender.ts';

export const rewrittenFunctions: readonly Offender[] = [
  {
    check: 'rewritten-functions',
    what: 'a door that was rewritten',
    plant: () => 'alter function tenancy.enter(uuid, bigint, text) strict',
    found: () => 'function tenancy.enter(uuid, bigint, text) is another than that of this release',
    mendedElsewhere: true,
  },
  {
    check: 'rewritten-functions',
    what: 'a function that nobody shipped',
    plant: () => 'create procedure tenancy."Tidy"(integer) language sql begin atomic end',
    found: () =>
      'function tenancy."Tidy"(integer) stands in schema tenancy, and this release has none of that name and arguments',
    remedy: () => 'alter routine tenancy."Tidy"(integer) set schema public',
  },
  {
    check: 'rewritten-functions',
    what: 'a function that somebody else could rewrite',
    plant: ({ service }) => `alter function tenancy.mac(text, text, text) owner to ${service}`,
    found: ({ service }) =>
      `function tenancy.mac(text, text, text) belongs to ${service} and not to tenancy_owner`,
  },
];
