import type { Offender } from '../offender.ts';

export const unfinishedMoves: readonly Offender[] = [
  {
    check: 'unfinished-moves',
    severity: 'advice',
    what: 'the publication of an interrupted move',
    plant: ({ acme }) => `create publication koa_tenants_${acme.id.replaceAll('-', '')} for table acme.notes`,
    found: ({ acme }) =>
      `publication koa_tenants_${acme.id.replaceAll('-', '')} belongs to a move that is running, or was interrupted and left a replication slot`,
    remedyNotRun: true,
  },
];
