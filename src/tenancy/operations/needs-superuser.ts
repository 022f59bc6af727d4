import type { z } from 'zod';

import { SITE_SCHEMA } from '../registry/tenant.ts';
import type { OperationKind } from './operation-kind.ts';

const defaultOf = (field: z.ZodType | undefined): unknown => field?.safeParse(undefined).data;

/**
 * Whether a request for an operation requires a superuser: it destroys, it is for the public site, or `superuserOnly` of
 * its kind contains its target or one of its arguments.
 */
export function needsSuperuser(
  {
    destroys,
    superuserOnly,
    arguments: schema,
  }: Pick<OperationKind, 'destroys' | 'superuserOnly' | 'arguments'>,
  tenant: string | null,
  given: Readonly<Record<string, unknown>>,
): boolean {
  return (
    destroys ||
    tenant === SITE_SCHEMA ||
    (tenant === null ? superuserOnly.fleet : superuserOnly.tenant) ||
    superuserOnly.arguments.some(
      (name) =>
        given[name] !== undefined && given[name] !== defaultOf(schema.shape[name] as z.ZodType | undefined),
    )
  );
}
