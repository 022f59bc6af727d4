import type { z } from 'zod';

/** Called with the parameters that a list reads, when the OpenAPI document is created. */
export type ListRecorder = Readonly<{
  search: (fields: readonly string[]) => void;
  filters: (
    fields: Readonly<Record<string, z.ZodType>>,
    allowed: Readonly<Record<string, readonly string[] | undefined>>,
  ) => void;
  ordering: (allowed: readonly string[], standard: readonly string[]) => void;
}>;

/** The member of a query string that describes a list. Query strings of requests do not have it. */
export const RECORDER: unique symbol = Symbol('recorder');
