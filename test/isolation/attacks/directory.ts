import { until } from '../../helpers/server.ts';
import type { Category } from './attack.ts';
import { LIST } from './http.ts';

export const directory: Category = {
  title: 'Caches',
  attacks: [
    {
      id: 'cache-moved-host',
      name: "a host that passed to another tenant does not return the former tenant's rows",
      controls: 'a stale cache',
      walls: ['directory'],
      leak: 'row',
      action: async (fixture) => {
        const { world, replacements } = fixture;
        const { request } = await fixture.http();
        const { hank } = await fixture.tokens();
        const host = 'moving.localhost';
        await world.asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [
          host,
          world.globex.id,
        ]);
        const get = () => request(host, 'GET', LIST, { token: hank });
        await until(get, ({ status }) => status === 200);
        await world.asOwner('update public.domains set tenant_id = $2 where domain = $1', [
          host,
          world.acme.id,
        ]);
        const after = await until(
          get,
          ({ status }) => status === 401,
          replacements.app.cachesHosts ? 200 : 60_000,
        );
        await world.asOwner('delete from public.domains where domain = $1', [host]);
        return after.text;
      },
    },
    {
      id: 'cache-token',
      name: 'a cached token is rejected on another host',
      controls: 'a stale cache',
      walls: ['key', 'audience', 'guard'],
      leak: 'row',
      action: async (fixture) => {
        const { request } = await fixture.http();
        const { alice } = await fixture.tokens();
        await request('acme.localhost', 'GET', LIST, { token: alice });
        return (await request('globex.localhost', 'GET', LIST, { token: alice })).text;
      },
    },
  ],
};
