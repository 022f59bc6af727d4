-- audit-triggers.sql: triggers of the audit that are missing or disabled.
--
-- A row is a table whose changes are no longer recorded, or an audit whose events can be changed.
--
--   psql "$OWNER_DATABASE_URL" -f sql/errors/audit-triggers.sql

select
  format('table %s', x.name) as object,
  x.fault || case when t.oid is null then ': its trigger is missing' else ': its trigger is disabled' end as fault,
  case
    when t.oid is null then
      format('create trigger %I %s execute function tenancy.%I()', x.trigger, x.event, x.function)
      || case when x.enabled = 'A' then format('; alter table %s enable always trigger %I', x.name, x.trigger) else '' end
    when x.enabled = 'A' then format('alter table %s enable always trigger %I', x.name, x.trigger)
    else format('alter table %s enable trigger %I', x.name, x.trigger)
  end as remedy
from (
  values
    (
      'tenancy.audit_events', 'audit_events__append_only',
      'before update or delete or truncate on tenancy.audit_events for each statement',
      'reject_audit_change', 'A', 'events can be changed'
    ),
    (
      'public.tenants', 'tenants__audit',
      'after insert or update or delete on public.tenants for each row',
      'audit_tenant', 'O', 'changes are not recorded in the audit'
    ),
    (
      'public.domains', 'domains__audit',
      'after insert or update or delete on public.domains for each row',
      'audit_domain', 'O', 'changes are not recorded in the audit'
    ),
    (
      'tenancy.payments', 'payments__audit',
      'after insert or update or delete on tenancy.payments for each row',
      'audit_payment', 'O', 'changes are not recorded in the audit'
    ),
    (
      'tenancy.subscriptions', 'subscriptions__audit',
      'after insert or update or delete on tenancy.subscriptions for each row',
      'audit_subscription', 'O', 'changes are not recorded in the audit'
    )
) as x (name, trigger, event, function, enabled, fault)
left join (
  pg_catalog.pg_trigger as t
  join pg_catalog.pg_class as c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
) on format('%s.%s', n.nspname, c.relname) = x.name
  and t.tgname = x.trigger
where (t.tgenabled = x.enabled::"char" or t.tgenabled = 'A') is not true
order by object;
