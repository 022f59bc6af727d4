import { CANARY } from '../../../src/attacks/context.ts';
import { sqlAttack } from '../../../src/attacks/record.ts';

export const attacks = [
  sqlAttack({
    id: 'fixture-notes-read',
    name: "a tenant cannot read another's notes",
    controls: 'one statement',
    walls: ['role', 'policy'],
    plant: `insert into notes (name) values ('${CANARY} note')`,
    texts: 'select name from globex.notes',
  }),
];
