import type { Offender } from '../offender.ts';

export const rewrittenFunctions: readonly Offender[] = [
  {
    check: 'rewritten-functions',
    what: 'a rewritten function',
    plant: () => 'alter function tenancy.enter(uuid, bigint, text) strict',
    found: () => 'function tenancy.enter(uuid, bigint, text) differs from that of this release',
    remedyNotRun: true,
  },
  {
    check: 'rewritten-functions',
    what: 'a function that is not part of the release',
    plant: () => 'create procedure tenancy."Tidy"(integer) language sql begin atomic end',
    found: () => 'function tenancy."Tidy"(integer) is in schema tenancy but not part of this release',
    remedy: () => 'alter routine tenancy."Tidy"(integer) set schema public',
  },
  {
    check: 'rewritten-functions',
    what: 'a function with another owner',
    plant: ({ service }) => `alter function tenancy.mac(text, text, text) owner to ${service}`,
    found: ({ service }) =>
      `function tenancy.mac(text, text, text) belongs to ${service} and not to tenancy_owner`,
  },
];
