import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../errors.ts';
import { type DescribedSetting, describeSettings } from '../registry/describe-settings.ts';
import type { RequiredMigrations } from '../registry/project.ts';
import { shownSetting } from '../registry/secret-settings.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import type { SettingsSchema } from '../registry/tenant-settings.ts';
import { needsVerification, verificationRecord } from '../registry/verification.ts';
import {
  callOperatorFunction,
  type FunctionCaller,
  type OperatorFunction,
} from './call-operator-function.ts';
import { auditPage, fleetOverview, type TenantDetails, tenantPage, tenantRecord } from './fleet-views.ts';
import { describeOperation, type Operation, operationRow } from './operation.ts';
import type { OperationKind } from './operation-kind.ts';
import type { OperationRequest, Operators } from './operators.ts';
import { sealOperation } from './seal.ts';

export type OperatorsOptions = FunctionCaller &
  Readonly<{
    kinds: readonly OperationKind[];
    expected: RequiredMigrations;
    settings: SettingsSchema;
    /** Settings of the environment, which tenants may override. */
    defaults: Readonly<Record<string, unknown>>;
    baseDomain: string;
  }>;

type Call = (name: OperatorFunction, request: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** @throws ValidationFailed with the messages by argument */
function parseArguments(kind: OperationKind, given: unknown): Readonly<Record<string, unknown>> {
  const parsed = kind.arguments.safeParse(given ?? {});
  if (parsed.success) {
    return parsed.data;
  }
  const fields: Record<string, string[]> = {};
  for (const { path, message } of parsed.error.issues) {
    const name = path.length === 0 ? 'non_field_errors' : path.join('.');
    fields[name] = [...(fields[name] ?? []), message];
  }
  throw new ValidationFailed(fields);
}

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

/** @throws ValidationFailed on `tenant`, or ApiError `tenant_not_found` */
async function assertTarget(
  { target }: OperationKind,
  schema: string | null,
  find: Operators['tenant'],
): Promise<void> {
  if (schema === null) {
    if (target === 'tenant' || target === 'tenant-or-site') {
      throw new ValidationFailed({ tenant: ['This field is required.'] });
    }
    return;
  }
  if (target === 'fleet' || (schema === SITE_SCHEMA && target !== 'tenant-or-site')) {
    throw new ValidationFailed({ tenant: [`This operation cannot be requested for "${schema}".`] });
  }
  if ((await find(schema)) === null) {
    throw new ApiError('tenant_not_found', `No tenant has the schema "${schema}".`);
  }
}

type KindOf = (name: string) => OperationKind | undefined;

/** Creates the functions that request, list, cancel and retry operations. */
function operationsOf(
  call: Call,
  key: FunctionCaller['key'],
  kindOf: KindOf,
  tenant: Operators['tenant'],
): Pick<Operators, 'request' | 'list' | 'find' | 'cancel' | 'retry'> {
  const find = async (id: string): Promise<Operation | null> => {
    const found = operationRow.nullable().parse(await call('find_operation', { id }));
    return found && describeOperation(found, kindOf(found.kind));
  };
  return {
    request: async ({ kind: name, tenant: schema, arguments: given, actor, address }: OperationRequest) => {
      const kind = kindOf(name);
      if (!kind) {
        throw new ValidationFailed({ kind: [`"${name}" is not a kind of operation.`] });
      }
      const parsed = parseArguments(kind, given);
      await assertTarget(kind, schema, tenant);
      const recorded = kind.prepare
        ? await kind.prepare(parsed as never)
        : ((given ?? {}) as Readonly<Record<string, unknown>>);
      const id = randomUUID();
      const operation = { id, kind: name, tenant: schema, arguments: recorded, actor, address };
      await call('request_operation', sealOperation(key, operation));
      const found = await find(id);
      if (!found) {
        throw new TypeError('A recorded operation was not found.');
      }
      return found;
    },
    list: async (query) => {
      const { count, results } = z
        .strictObject({ count: z.number(), results: z.array(operationRow) })
        .parse(await call('list_operations', query));
      return { count, results: results.map((row) => describeOperation(row, kindOf(row.kind))) };
    },
    find,
    cancel: async (id, by) => {
      const found = await find(id);
      return found?.can_cancel === true
        ? z
            .boolean()
            .parse(await call('cancel_operation', { id, running: found.status === 'running', ...by }))
        : false;
    },
    retry: async (id, by) => {
      const found = await find(id);
      return found?.can_retry === true
        ? z.boolean().parse(
            await call('retry_operation', {
              id,
              attempts: found.attempts,
              ended_at: found.ended_at,
              ...by,
            }),
          )
        : false;
    },
  };
}

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
    ...operationsOf(call, key, (name) => kinds.find(({ kind }) => kind === name), tenant),
    tenants: async (query) =>
      tenantPage.parse(
        await call('list_tenants', { order: 'schema', descending: false, ...versions, ...query }),
      ),
    tenant,
    fleet: async () => fleetOverview.parse(await call('fleet_overview', versions)),
    audit: async (query) => auditPage.parse(await call('list_audit_events', query)),
    record: async (event) => {
      await call('record_operator_event', { id: randomUUIDv7(), ...event });
    },
  };
}
