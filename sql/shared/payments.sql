-- payments.sql: payments of tenants, and the plan of each tenant.
--
-- Owned by tenancy_owner, in the registry and not in the schema of the public site: no role of the
-- service may read or write them. Commands and jobs with the migrating login do.

create table tenancy.payments (
  reference text not null,
  tenant_id uuid not null,
  paid_until date not null,
  amount numeric,
  currency text,
  recorded_at timestamptz not null default now(),
  constraint payments_pkey primary key (reference),
  constraint payments__reference_form check (reference ~ '^[!-~]{1,255}$'),
  constraint payments__paid_until_range check (paid_until between '2000-01-01' and '2199-12-31'),
  constraint payments__amount_range check (amount between 0 and 1000000000000),
  constraint payments__currency_form check (currency ~ '^[A-Z]{3}$')
);

comment on table tenancy.payments is
  'Payments that were recorded, once for each reference. Rows of purged tenants are kept.';
comment on column tenancy.payments.reference is
  'Number of the invoice or of the transfer. Unique among the payments of all tenants.';
comment on column tenancy.payments.paid_until is
  'Last paid day, without days of grace.';
comment on column tenancy.payments.amount is
  'Null: not recorded.';
comment on column tenancy.payments.currency is
  'ISO 4217. Null: not recorded.';

create index payments__tenant_id on tenancy.payments (tenant_id);


create table tenancy.subscriptions (
  tenant_id uuid not null,
  plan text,
  plan_settings text[] not null default '{}',
  plan_changed_at timestamptz,
  customer text,
  copied_payments jsonb,
  constraint subscriptions_pkey primary key (tenant_id),
  constraint subscriptions__customer unique (customer),
  constraint subscriptions__tenant foreign key (tenant_id) references public.tenants (id) on delete cascade,
  constraint subscriptions__plan_form check (plan ~ '^[a-z][a-z0-9_-]{0,47}$'),
  constraint subscriptions__customer_form check (customer ~ '^[!-~]{1,255}$')
);

comment on table tenancy.subscriptions is
  'The plan of a tenant, and its customer number at the payment provider.';
comment on column tenancy.subscriptions.plan is
  'Null: none.';
comment on column tenancy.subscriptions.plan_settings is
  'Names of the tenant''s settings that the plan has set. Another plan replaces them.';
comment on column tenancy.subscriptions.plan_changed_at is
  'When the provider or the operator chose the plan. Older changes that arrive later are ignored.';
comment on column tenancy.subscriptions.customer is
  'Null: not linked.';
comment on column tenancy.subscriptions.copied_payments is
  'In a further database: the newest payments of the tenant, which main has recorded. Null in main.';
