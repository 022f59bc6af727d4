import pg from 'pg';

// bigint as a number if that is exact; otherwise its text, which a row schema rejects.
const parseBigint = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) : text;

const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [pg.types.builtins.INT8]: parseBigint,
  // A date has no time zone: pg would convert it to local midnight.
  [pg.types.builtins.DATE]: (text) => text,
};

/** Parses values as pg does, with exact bigints, and dates as text. */
export const TYPE_PARSERS = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    PARSERS[oid] ?? pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;
