import { ApiError } from '../errors.ts';
import { asciiDigits, strip } from './fields/python-text.ts';
import { originOf } from './host.ts';
import type { Context } from './state.ts';

const STANDARD_SIZE = 20;
const LARGEST_SIZE = 100;
const LARGEST_PAGE = 999_999_999;
/** Maximum characters of a number in a query, as in Python. */
const MAX_DIGITS = 4_300;

/** The page that a query asks for. */
export type PageRequest = Readonly<{ page: number | 'last'; size: number }>;
/** The body of a list with numbered pages. */
export type Page<T> = Readonly<{
  count: number;
  next: string | null;
  previous: string | null;
  results: readonly T[];
}>;

const one = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.at(-1) : value;

const invalidPage = (): ApiError => new ApiError('not_found', 'Invalid page.');

/** Returns an integer as Python's `int` reads it: with a sign, white space around it, and `_` between digits. */
function pythonInt(text: string): number | null {
  const given = text.length <= MAX_DIGITS ? asciiDigits(strip(text)) : '';
  return /^[+-]?\d+(?:_\d+)*$/.test(given) ? Number(given.replaceAll('_', '')) : null;
}

/** Returns the rows of a page: `page_size`. Default: 20, also for an invalid number. Maximum: 100. */
export function pageSize(query: Context['query']): number {
  const size = pythonInt(one(query.page_size) ?? '');
  return size === null || size < 1 ? STANDARD_SIZE : Math.min(size, LARGEST_SIZE);
}

/**
 * Returns the requested page: `page`, a number or `last`. Default: 1.
 *
 * @throws ApiError `not_found`, `Invalid page.`
 */
export function pageRequest(query: Context['query']): PageRequest {
  const given = one(query.page) || '1';
  const page = given === 'last' ? given : pythonInt(given);
  if (page === null || (page !== 'last' && (page < 1 || page > LARGEST_PAGE))) {
    throw invalidPage();
  }
  return { page, size: pageSize(query) };
}

/** Returns the number of the last page. An empty list has one page, the first. */
const lastPage = (count: number, size: number): number => Math.max(1, Math.ceil(count / size));

/** Returns limit and offset of a page of `count` rows. */
export function windowOf({ page, size }: PageRequest, count: number): { limit: number; offset: number } {
  const number = page === 'last' ? lastPage(count, size) : page;
  return { limit: size, offset: (number - 1) * size };
}

/**
 * Returns the envelope of a page, with absolute links on the requested host.
 *
 * `hasNext`: whether another page follows. Set it when `count` is not the count of all rows. Default:
 * `count` decides.
 *
 * @throws ApiError `not_found`, `Invalid page.`, past the end
 */
export function pageOf<T>(
  ctx: Pick<Context, 'protocol' | 'host' | 'path' | 'querystring'>,
  { page, size }: PageRequest,
  { count, rows, hasNext }: { count: number; rows: readonly T[]; hasNext?: boolean },
): Page<T> {
  const last = lastPage(count, size);
  const number = page === 'last' ? last : page;
  if (number > last && (hasNext === undefined || rows.length === 0)) {
    throw invalidPage();
  }
  const link = (to: number): string => {
    const query = new URLSearchParams(ctx.querystring);
    if (to === 1) {
      query.delete('page');
    } else {
      query.set('page', String(to));
    }
    const text = query.toString();
    return `${originOf(ctx)}${ctx.path}${text ? `?${text}` : ''}`;
  };
  return {
    count,
    next: (hasNext ?? number < last) ? link(number + 1) : null,
    previous: number > 1 ? link(number - 1) : null,
    results: rows,
  };
}
