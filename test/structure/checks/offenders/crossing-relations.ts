import type { Offender } from '../offender.ts';

export const crossingRelations: readonly Offender[] = [
  {
    check: 'crossing-relations',
    what: 'a foreign key into the neighbor',
    plant: () => `
      alter table acme.notes add column theirs bigint;
      alter table acme.notes add constraint notes__theirs foreign key (theirs) references globex.notes (id)`,
    found: () => 'table acme.notes has a foreign key, notes__theirs, to globex.notes in another schema',
  },
  {
    check: 'crossing-relations',
    what: 'a partition in the neighbor',
    plant: () => `
      create table acme.events (id bigint) partition by range (id);
      create table globex.events_1 partition of acme.events for values from (1) to (9)`,
    found: () => 'table globex.events_1 is a part of acme.events in another schema',
  },
  {
    check: 'crossing-relations',
    what: 'a child table in the neighbor',
    plant: () => 'create table acme.everything () inherits (globex.notes)',
    found: () => 'table acme.everything is a part of globex.notes in another schema',
  },
];
