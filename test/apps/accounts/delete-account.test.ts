import test from 'ava';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

test('deletes the account on both paths when the current password is repeated', async (t) => {
  for (const pathOf of [() => '/api/auth/users/me/', (id: number) => `/api/auth/users/${id}/`]) {
    const { id, username } = await makeUser(world, 'acme', `leaver${pathOf.length}`);
    const token = await service.logIn('acme.localhost', username, PASSWORD);
    const remove = (body: unknown) =>
      service.request('acme.localhost', 'DELETE', pathOf(id), { token, body });
    const refused = await remove({ current_password: 'wrong' });
    t.deepEqual([refused.status, refused.body], [400, { current_password: ['Invalid password.'] }]);
    t.is((await remove({ current_password: PASSWORD })).status, 204);
    t.deepEqual(await world.asOwner('select from acme.users where id = $1', [id]), []);
  }
});
