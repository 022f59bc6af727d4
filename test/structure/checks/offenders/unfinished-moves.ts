import type { Offender } from '../offender.ts';

export const unfinishedMoves: readonly Offender[] = [
  {
    check: 'unfinished-moves',
    severity: 'advice',
    what: 'what a move left behind',
    plant: ({ acme }) => `create publication koa_tenants_${acme.id.replaceAll('-', '')} for table acme.notes`,
    found: ({ acme }) =>
      `publication koa_tenants_${acme.id.replaceAll('-', '')} is of a move that runs, or was cut off and left a replication slot`,
    mendedElsewhere: true,
  },
];
