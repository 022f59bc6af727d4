import { until } from '../../helpers/server.ts';
import type { Family } from './attack-on-stage.ts';
import { LIST } from './http.ts';

export const directory: Family = {
  title: 'What is remembered',
  attacks: [
    {
      id: 'cache-moved-host',
      name: "a host that went to another tenant does not show the former's rows",
      controls: 'a stale cache',
      walls: ['directory'],
      leak: 'row',
      action: async (stage) => {
        const { world, rig } = stage;
        const { request } = await stage.http();
        const { hank } = await stage.tokens();
        const host = 'moving.localhost';
        await world.asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [
          host,
          world.globex.id,
        ]);
        const look = () => request(host, 'GET', LIST, { token: hank });
        await until(look, ({ status }) => status === 200);
        await world.asOwner('update public.domains set tenant_id = $2 where domain = $1', [
          host,
          world.acme.id,
        ]);
        const after = await until(look, ({ status }) => status === 401, rig.app.remembersHosts ? 200 : 5000);
        await world.asOwner('delete from public.domains where domain = $1', [host]);
        return after.text;
      },
    },
    {
      id: 'cache-token',
      name: 'a token that was remembered as good is noise on another host',
      controls: 'a stale cache',
      walls: ['key', 'audience', 'guard'],
      leak: 'row',
      action: async (stage) => {
        const { request } = await stage.http();
        const { alice } = await stage.tokens();
        await request('acme.localhost', 'GET', LIST, { token: alice });
        return (await request('globex.localhost', 'GET', LIST, { token: alice })).text;
      },
    },
  ],
};
