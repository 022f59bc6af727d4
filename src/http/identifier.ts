import { ApiError } from '../errors.ts';

const LARGEST = 9_223_372_036_854_775_807n;

/**
 * Returns an id from a path, as text that fits a bigint.
 *
 * @throws ApiError `not_found` for a text that cannot be an id
 */
export function parseIdentifier(text: string | undefined): string {
  if (text === undefined || !/^\d{1,19}$/.test(text) || BigInt(text) > LARGEST) {
    throw notFound();
  }
  return text;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text is a UUID as PostgreSQL writes it, in lowercase. */
export const isUuid = (text: string): boolean => UUID.test(text);

/** Returns the error that becomes a response with status 404. */
export const notFound = (): ApiError => new ApiError('not_found', 'Not found.');

/**
 * Returns a row that was found.
 *
 * @throws ApiError `not_found` for null and undefined
 */
export function orNotFound<Row>(row: Row | null | undefined): Row {
  if (row === null || row === undefined) {
    throw notFound();
  }
  return row;
}
