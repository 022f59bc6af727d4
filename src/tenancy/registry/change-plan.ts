import type pg from 'pg';

import type { TenancyProject } from './project.ts';
import { claimTenant } from './registry.ts';
import { parseOverrides, settingsSchemaOf } from './tenant-settings.ts';

/** A plan: a name, and the settings of tenants that have it. */
export type Plan = Readonly<{ name: string; settings: Readonly<Record<string, string>> }>;

type Subscription = Readonly<{ plan: string | null; names: readonly string[]; is_newer: boolean }>;

/**
 * Gives a tenant a plan: its settings replace those of the tenant's previous plan. Other settings of the tenant are
 * kept. Returns false when the tenant has the plan already, or a change that is newer than `changedAt`.
 *
 * `client` is in a transaction of the migrating login.
 *
 * @throws DomainError `tenant_not_found`, or `configuration_invalid` for settings that tenants do not have
 */
export async function changePlan(
  client: pg.ClientBase,
  project: TenancyProject,
  schema: string,
  { name, settings }: Plan,
  changedAt: Date,
): Promise<boolean> {
  const tenant = await claimTenant(client, schema);
  const { rows } = await client.query<Subscription>(
    `select s.plan, s.plan_settings as names, coalesce(s.plan_changed_at > $2, false) as is_newer
     from tenancy.subscriptions as s
     where s.tenant_id = $1`,
    [tenant.id, changedAt],
  );
  const [{ plan, names, is_newer: isNewer } = { plan: null, names: [], is_newer: false }] = rows;
  if (isNewer) {
    return false;
  }
  const kept = Object.entries(tenant.settings).filter(([setting]) => !names.includes(setting));
  const changed = { ...Object.fromEntries(kept), ...settings };
  parseOverrides(settingsSchemaOf(project), changed);
  await client.query('update public.tenants set settings = $2 where id = $1', [tenant.id, changed]);
  await client.query(
    `insert into tenancy.subscriptions (tenant_id, plan, plan_settings, plan_changed_at)
     values ($1, $2, $3, $4)
     on conflict on constraint subscriptions_pkey do update
       set plan = excluded.plan, plan_settings = excluded.plan_settings, plan_changed_at = excluded.plan_changed_at`,
    [tenant.id, name, Object.keys(settings), changedAt],
  );
  return plan !== name;
}
