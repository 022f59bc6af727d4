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
  })
  .meta({ id: 'OperatedTenantDetail' });

/** A user of a tenant. */
export const memberItem = z
  .object({
    id: z.int(),
    username: z.string(),
    email: z.string(),
    first_name: z.string(),
    last_name: z.string(),
    is_active: z.boolean(),
    is_staff: z.boolean(),
    is_superuser: z.boolean(),
    last_login: z.date().nullable(),
    date_joined: z.date(),
  })
  .meta({ id: 'OperatedMember' });
