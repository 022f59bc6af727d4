import { CANARY, sqlAttack } from 'koa-tenants';

export const attacks = [
  sqlAttack({
    id: 'notes-join',
    name: "a tenant cannot read another's notes through a join with its own",
    controls: 'one statement',
    walls: ['role', 'policy'],
    plant: `
      with author as (
        insert into users (username, password)
        values ('author', '!')
        returning id
      )
      insert into notes (author_id, title)
      select a.id, '${CANARY}'
      from author as a`,
    texts: 'select n.title from globex.notes as n left join notes as own on own.id = n.id',
  }),
];
