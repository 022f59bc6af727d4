import type pg from 'pg';
import { z } from 'zod';

import { OperatorError } from '../../errors.ts';

/** Name of the database of DATABASE_URL. Only this one has the registry and the shared tables. */
export const MAIN = 'main';

/** One of the configured databases, with the configuration of its admin connection. */
export type Database = Readonly<{
  name: string;
  owner: pg.ClientConfig;
  /** The service's login in this database. */
  service: string;
}>;

const name = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/);
const url = z.url({ protocol: /^postgres(ql)?$/ });

/** Database name to URL, without `main`. */
export type DatabaseUrls = Readonly<Record<string, string>>;

/**
 * Parses `DATABASES`: `name=url` pairs separated by commas or line breaks. A comma in a URL is written
 * `%2C`.
 *
 * @throws TypeError naming the invalid pair, without its URL
 */
export function parseDatabases(text: string): DatabaseUrls {
  const found: Record<string, string> = {};
  const pairs = text
    .split(/[,\n]/)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
  for (const [index, pair] of pairs.entries()) {
    const at = pair.indexOf('=');
    const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 1 || !name.safeParse(key).success || !url.safeParse(value).success) {
      throw new TypeError(
        `pair ${index + 1} must be <name>=postgres://…, where the name has lowercase letters, digits, _ and -`,
      );
    }
    if (key === MAIN || found[key] !== undefined) {
      throw new TypeError(
        key === MAIN ? '"main" is the database of DATABASE_URL' : `"${key}" is given twice`,
      );
    }
    found[key] = value;
  }
  return found;
}

/**
 * Returns the entry of the database that an operator named.
 *
 * @throws OperatorError `usage_invalid`
 */
export function chooseDatabase<T>(all: Readonly<Record<string, T>>, wanted: string): T {
  const found = Object.hasOwn(all, wanted) ? all[wanted] : undefined;
  if (found === undefined) {
    throw new OperatorError(
      'usage_invalid',
      `There is no database "${wanted}". Configured databases: ${Object.keys(all).join(', ')}.`,
    );
  }
  return found;
}
