import { z } from 'zod';

import { tenantItem as engineItem, tenantRecord } from '../../../tenancy/operations/fleet-views.ts';

/** A tenant in the list. */
export const tenantItem = engineItem.meta({ id: 'OperatedTenant' });

const setting = z.object({
  name: z.string(),
  value: z.unknown(),
  default: z.unknown(),
  is_overridden: z.boolean(),
});

export const tenantDetail = tenantRecord
  .omit({ id: true, overrides: true })
  .extend({
    domains: z.array(
      z.object({
        domain: z.string(),
        is_primary: z.boolean(),
        is_verified: z.boolean(),
        /** The DNS record that verifies the domain. Null: the domain needs none. */
        dns_record: z.object({ name: z.string(), type: z.literal('TXT'), value: z.string() }).nullable(),
      }),
    ),
    settings: z.array(setting),
    last_error: z
      .object({
        migration: z.string().nullable(),
        /** Without values of rows, unless the caller is a superuser. */
        message: z.string(),
        attempts: z.int(),
        at: z.iso.datetime(),
      })
      .nullable(),
  })
  .meta({ id: 'OperatedTenantDetail' });
