import { CANARY } from '../../attacks/context.ts';
import { sqlAttack } from '../../attacks/record.ts';

export const attacks = [
  sqlAttack({
    id: 'accounts-permissions',
    name: 'a tenant cannot grant a permission to a user of another tenant',
    controls: 'one statement',
    walls: ['role', 'policy'],
    plant: `
      insert into users (username, first_name, password)
      values ('attacked', '${CANARY}', '!')
    `,
    texts: `
      update globex.users
      set permissions = permissions || '{notes.publish}'
      where username = 'attacked'
      returning first_name
    `,
  }),
];
