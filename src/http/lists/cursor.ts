import { createHash } from 'node:crypto';
import { ApiError } from '../../errors.ts';
import { date, datetime } from '../fields/date.ts';
import { parseInteger } from '../fields/number.ts';
import { isUuid } from '../identifier.ts';
import type { Order, OrderTerm } from './ordering.ts';

/** The position at which a page begins. */
export type Cursor = Readonly<{
  /** Whether the page ends at the position. */
  isReversed: boolean;
  /** A value for each term of the order, as text. Null: the start or the end of the list. */
  position: readonly (string | null)[] | null;
}>;

/** The list that a cursor belongs to. A cursor of another tenant or path is rejected. */
export type CursorScope = Readonly<{ tenant: string; path: string; order: Order }>;

/** Bytes of the digest. It is not a signature: a cursor gives no access beyond the list itself. */
const DIGEST = 9;
/** Maximum characters of a cursor. */
const MAX_CURSOR = 8_000;
const LARGEST = 9_223_372_036_854_775_807n;

const namesOf = (order: Order): string =>
  order.map(({ name, isDescending }) => `${isDescending ? '-' : ''}${name}`).join();

const digestOf = ({ tenant, path, order }: CursorScope, payload: string): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([tenant, path, namesOf(order), payload]))
    .digest()
    .subarray(0, DIGEST);

/** Returns a cursor as text, with a digest of the tenant, path and order to which it belongs. */
export function encodeCursor(scope: CursorScope, { isReversed, position }: Cursor): string {
  const payload = JSON.stringify([isReversed ? 1 : 0, position]);
  return Buffer.concat([digestOf(scope, payload), Buffer.from(payload)]).toString('base64url');
}

const invalidCursor = (): ApiError => new ApiError('not_found', 'Invalid cursor');

/** Whether PostgreSQL accepts a text as a value of the term's type. A client can forge a cursor. */
function isValue({ sqlType, isNullable }: OrderTerm, text: unknown): boolean {
  if (typeof text !== 'string') {
    return text === null && isNullable;
  }
  switch (sqlType) {
    case 'bigint': {
      const value = parseInteger(text);
      return value !== null && value >= -LARGEST && value <= LARGEST;
    }
    case 'numeric':
      return text.length <= 1_000 && /^(?:-?\d+(?:\.\d+)?|NaN|-?Infinity)$/.test(text);
    case 'boolean':
      return text === 'true' || text === 'false';
    case 'uuid':
      return isUuid(text);
    case 'date':
      return /^-?infinity$/.test(text) || date().safeParse(text).success;
    case 'timestamptz':
      return /^-?infinity$/.test(text) || datetime().safeParse(text).success;
    default:
      return !text.includes('\0') && text.isWellFormed();
  }
}

/** @throws ApiError `not_found`, `Invalid cursor` */
export function decodeCursor(scope: CursorScope, text: string): Cursor {
  const bytes = Buffer.from(text.length <= MAX_CURSOR ? text : '', 'base64url');
  const payload = bytes.subarray(DIGEST).toString();
  const isOurs =
    bytes.toString('base64url') === text && bytes.subarray(0, DIGEST).equals(digestOf(scope, payload));
  if (!isOurs) {
    throw invalidCursor();
  }
  const read: unknown = (() => {
    try {
      return JSON.parse(payload);
    } catch {
      throw invalidCursor();
    }
  })();
  const [reversed, position] = Array.isArray(read) ? read : [];
  const isPosition =
    position === null ||
    (Array.isArray(position) &&
      position.length === scope.order.length &&
      scope.order.every((term, index) => isValue(term, position[index])));
  if (!isPosition) {
    throw invalidCursor();
  }
  return { isReversed: reversed === 1, position };
}
