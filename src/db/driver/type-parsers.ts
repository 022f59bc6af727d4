import pg from 'pg';

import { parseMoment } from './moment.ts';

// bigint as a number if that is exact; otherwise its text, which a row schema rejects.
const parseBigint = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) : text;

const parseTimestamp = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (text: string) => unknown;

const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [pg.types.builtins.INT8]: parseBigint,
  // A date has no time zone: pg would convert it to local midnight.
  [pg.types.builtins.DATE]: (text) => text,
  // A Date has milliseconds only.
  [pg.types.builtins.TIMESTAMPTZ]: (text) => parseMoment(text, parseTimestamp),
};

/** Parses values as pg does, with exact bigints, dates as text, and times with microseconds. */
export const TYPE_PARSERS = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    PARSERS[oid] ?? pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;
