import { CANARY } from '../attack.ts';
import type { Category } from './attack.ts';

export const audit: Category = {
  title: 'The audit of another tenant',
  attacks: [
    {
      id: 'audit-read',
      name: 'a tenant cannot read events of another tenant',
      controls: 'one SQL expression',
      walls: ['own-events'],
      leak: 'row',
      action: async ({ world, send }) => {
        await world.asOwner(
          `insert into tenancy.audit_events (actor, source, tenant_id, schema_name, action, after)
           select 'gus', 'tenant', t.id, t.schema_name, 'change-note', jsonb_build_object('name', $2::text)
           from public.tenants as t
           where t.id = $1
             and not exists (
               select
               from tenancy.audit_events as e
               where e.tenant_id = t.id
                 and e.action = 'change-note'
             )`,
          [world.globex.id, CANARY],
        );
        return send(['select e.after from tenancy.own_audit_events(null, 500) as e']);
      },
    },
  ],
};
