import { z } from 'zod';

import type { Config } from '../../config/config.ts';
import { MAIN } from '../../tenancy/registry/databases.ts';
import { domainName, schemaName, tenantName } from '../../tenancy/registry/tenant.ts';

// Titles and descriptions are those of a form that a client builds from the JSON Schema.

export const newSchema = schemaName.meta({
  title: 'Schema name',
  description: 'Up to 48 lowercase letters, digits and underscores, starting with a letter.',
});

export const displayName = tenantName.meta({ title: 'Name', description: 'Display name of the tenant.' });

// The transformation to lowercase is not a part of a JSON Schema, so the form sends plain text.
export const domain = z
  .string()
  .max(253)
  .superRefine((text, context) => {
    const parsed = domainName.safeParse(text);
    if (!parsed.success) {
      context.addIssue({ code: 'custom', message: parsed.error.issues[0]?.message ?? 'it is not valid' });
    }
  })
  .meta({ title: 'Domain', description: 'Hostname without a port.' });

/** Creates the field of a database name. A form offers those that exist. */
export function databaseOf({ DATABASES }: Pick<Config, 'DATABASES'>) {
  const names = [...new Set([MAIN, ...Object.keys(DATABASES)])];
  return z
    .string()
    .refine((name) => names.includes(name), 'DATABASES has no database with this name')
    .default(MAIN)
    .meta({ title: 'Database', description: 'A name in DATABASES, or main.', enum: names });
}

export const blockSeconds = z.number().int().min(1).max(600).default(10).meta({
  title: 'Seconds to wait',
  description: 'Seconds for which the operation waits for requests in progress.',
});

export const day = z.iso.date().meta({ title: 'Last paid day' });
