import test from 'ava';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project });
});
test.after.always(() => world?.close());

const HOSTILE = ['a\nb', 'a\r\nBcc: b@example.com', 'a\u001b[2J', 'a\tb', 'a\u0085b', 'a\u2028b', 'a\u007f'];

for (const text of HOSTILE) {
  test(`the database rejects ${JSON.stringify(text)} in names of tenants and users`, async (t) => {
    await t.throwsAsync(
      world.asOwner('update public.tenants set name = $1 where id = $2', [text, world.acme.id]),
      { message: /tenants__name_form/ },
    );
    for (const column of ['email', 'first_name', 'last_name']) {
      await t.throwsAsync(
        world.asOwner(`insert into acme.users (username, password, ${column}) values ('x', '!', $1)`, [text]),
        { message: /users__text_form/ },
        column,
      );
    }
  });
}

test('the database accepts names in any script', async (t) => {
  const [row] = await world.asOwner<{ first_name: string }>(
    `insert into acme.users (username, password, email, first_name) values ('ann', '!', 'ann@bücher.example', $1)
     returning first_name`,
    ['Ærø 名前 🐘'],
  );
  t.is(row?.first_name, 'Ærø 名前 🐘');
});
