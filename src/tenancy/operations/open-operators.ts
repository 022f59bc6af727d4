import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';

import { type DescribedSetting, describeSettings } from '../registry/describe-settings.ts';
import type { RequiredMigrations } from '../registry/project.ts';
import { shownSetting } from '../registry/secret-settings.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import type { SettingsSchema } from '../registry/tenant-settings.ts';
import { needsVerification, verificationRecord } from '../registry/verification.ts';
import { type Call, callOperatorFunction, type FunctionCaller } from './call-operator-function.ts';
import {
  auditPage,
  dump,
  fleetOverview,
  type TenantDetails,
  tenantPage,
  tenantRecord,
} from './fleet-views.ts';
import type { OperationKind } from './operation-kind.ts';
import type { Operators } from './operators.ts';
import { createOperationRequests } from './request-operations.ts';

export type OperatorsOptions = FunctionCaller &
  Readonly<{
    kinds: readonly OperationKind[];
    expected: RequiredMigrations;
    settings: SettingsSchema;
    /** Settings of the environment, which tenants may override. */
    defaults: Readonly<Record<string, unknown>>;
    baseDomain: string;
  }>;

const hideSecret = (setting: DescribedSetting): DescribedSetting => ({
  ...setting,
  value: shownSetting(setting.name, setting.value),
  default: shownSetting(setting.name, setting.default),
});

const detailsOf = (
  { overrides, domains, ...item }: z.infer<typeof tenantRecord>,
  settings: readonly DescribedSetting[],
  baseDomain: string,
): TenantDetails => ({
  ...item,
  settings: settings.map(hideSecret),
  domains: domains.map(({ token, ...domain }) => ({
    ...domain,
    dns_record: needsVerification(domain.domain, baseDomain)
      ? { type: 'TXT', ...verificationRecord({ domain: domain.domain, verification_token: token }) }
      : null,
  })),
});

/** Creates the operators' access to the fleet, for the process of the service. */
export function openOperators(options: OperatorsOptions): Operators {
  const { kinds, expected, key, settings, defaults, baseDomain } = options;
  const call: Call = (name, request) => callOperatorFunction(options, name, request);
  const versions = { expected: expected.tenant.last, expected_count: expected.tenant.count };

  const tenant = async (schema: string): Promise<TenantDetails | null> => {
    const record = tenantRecord.nullable().parse(await call('show_tenant', { ...versions, tenant: schema }));
    return (
      record &&
      detailsOf(
        record,
        describeSettings(settings, defaults, { isSite: schema === SITE_SCHEMA }, record.overrides),
        baseDomain,
      )
    );
  };

  return {
    kinds,
    ...createOperationRequests({
      call,
      key,
      kindOf: (name) => kinds.find(({ kind }) => kind === name),
      findTenant: tenant,
    }),
    tenants: async (query) =>
      tenantPage.parse(
        await call('list_tenants', { order: 'schema', descending: false, ...versions, ...query }),
      ),
    tenant,
    dumps: async () =>
      dump
        .array()
        .nullable()
        .parse(await call('list_dumps', {})),
    fleet: async () => fleetOverview.parse(await call('fleet_overview', versions)),
    audit: async (query) => auditPage.parse(await call('list_audit_events', query)),
    record: async (event) => {
      await call('record_operator_event', { id: randomUUIDv7(), ...event });
    },
  };
}
