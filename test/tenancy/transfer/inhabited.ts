import { makeUser, PASSWORD, type TestService } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { insertVariedRows } from './varied-tables.ts';

/** Creates a tenant with rows of every kind and with a user who is logged in. */
export async function provisionInhabited(world: World, service: TestService, schema: string) {
  const member = await world.provision(schema);
  await insertVariedRows(world, schema);
  await makeUser(world, schema, 'mover');
  const token = await service.logIn(member.host, 'mover', PASSWORD);
  const list = () => service.request(member.host, 'GET', '/api/notes/?page_size=1', { token });
  return { ...member, token, list };
}

/** Returns the database where main places a tenant. */
export const findDatabase = async (world: World, schema: string): Promise<unknown> =>
  (await world.asOwner(`select database from public.tenants where schema_name = $1`, [schema]))[0]?.database;
