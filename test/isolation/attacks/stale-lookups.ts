import { renameTenant } from '../../../src/tenancy/lifecycle/rename-tenant.ts';
import { parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { until } from '../../helpers/server.ts';
import type { Attack, Category } from './attack.ts';
import { HERE, LIST, ROWS_AND_GUARD } from './http.ts';

const PAID = `status = 'active', on_trial = true, paid_until = null`;

const CLOSED: ReadonlyArray<readonly [id: string, what: string, change: string]> = [
  ['deleted', 'was deleted', `status = 'deleted'`],
  ['suspended', 'was suspended', `status = 'suspended'`],
  ['unpaid', 'stopped paying', `on_trial = false, paid_until = (now() at time zone 'UTC')::date - 1`],
  ['maintenance', 'went into maintenance', `status = 'maintenance'`],
  ['moving', 'began to move', `status = 'moving'`],
];

/** Sends a request of globex's user to a host that was looked up while globex was active. */
const closed = ([id, what, change]: (typeof CLOSED)[number]): Attack => ({
  id: `between-${id}`,
  name: `a tenant that ${what} after the host lookup returns no rows`,
  controls: 'a stale cache',
  walls: ['status'],
  leak: 'row',
  action: async (fixture) => {
    const { asOwner, globex } = fixture.world;
    const { request } = await fixture.cachingApp();
    const { hank } = await fixture.tokens();
    const get = () => request('globex.localhost', 'GET', LIST, { token: hank });
    const { status, text } = await get();
    if (status !== 200) {
      throw new TypeError(`The host was not cached, because it returned ${status}: ${text}`);
    }
    await asOwner(`update public.tenants set ${change} where id = $1`, [globex.id]);
    try {
      return (await get()).text;
    } finally {
      await asOwner(`update public.tenants set ${PAID} where id = $1`, [globex.id]);
    }
  },
});

const renamed: Attack = {
  id: 'between-renamed',
  name: 'a tenant whose schema name passed to another after the host lookup reads its own rows',
  controls: 'a stale cache',
  walls: ROWS_AND_GUARD,
  leak: 'row',
  action: async (fixture) => {
    const { owner, acme, globex } = fixture.world;
    const { request } = await fixture.cachingApp();
    const { alice } = await fixture.tokens();
    const get = () => request(HERE, 'GET', LIST, { token: alice });
    await get();
    const before = parseSchemaName('acme_before');
    const rename = (from: string, to: string) =>
      renameTenant(owner, from, { schema: parseSchemaName(to), keepDomain: true }, 10);
    await rename(acme.schema, before);
    try {
      await rename(globex.schema, acme.schema);
      try {
        return (await get()).text;
      } finally {
        await rename(acme.schema, globex.schema);
      }
    } finally {
      await rename(before, acme.schema);
    }
  },
};

/** The reverse of `cache-moved-host`: a request to the old host, with a token that was valid there. */
const given: Attack = {
  id: 'between-host-given',
  name: 'a token is rejected after its host passed to another tenant',
  controls: 'a stale cache',
  walls: ['key', 'audience', 'guard'],
  leak: 'row',
  action: async (fixture) => {
    const { asOwner, acme, globex } = fixture.world;
    const { request } = await fixture.http();
    const { alice } = await fixture.tokens();
    const host = 'given.localhost';
    await asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [host, acme.id]);
    try {
      const get = () => request(host, 'GET', LIST, { token: alice });
      await until(get, ({ status }) => status === 200);
      await asOwner('update public.domains set tenant_id = $2 where domain = $1', [host, globex.id]);
      return (await until(get, ({ text }) => !text.includes('own one'))).text;
    } finally {
      await asOwner('delete from public.domains where domain = $1', [host]);
    }
  },
};

export const staleLookups: Category = {
  title: 'Changes between lookup and query',
  attacks: [...CLOSED.map(closed), renamed, given],
};
