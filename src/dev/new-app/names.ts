import { MODULES } from './imports.ts';

/** Reserved words of PostgreSQL, and those that are no names of variables in a module of TypeScript. */
const RESERVED = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between binary both case cast check collate
  collation column concurrently constraint create cross current_catalog current_date current_role current_schema
  current_time current_timestamp current_user default deferrable desc distinct do else end except exists false fetch for
  foreign freeze from full grant group grouping having ilike in initially inner intersect into is isnull join lateral
  leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
  placing primary references returning right row select session_user similar some symmetric system_user table
  tablesample then to trailing true union unique user using values variadic verbose when where window with xmltable
  arguments await break catch class const continue debugger delete enum eval export extends finally function if
  implements import instanceof interface let new package private protected public return static super switch this throw
  try typeof undefined var void while yield`.split(/\s+/),
);

/** Whether an app must not have this name: its table or its variables would not compile. */
export const isReserved = (name: string): boolean =>
  RESERVED.has(name) || Object.values(MODULES).flat().includes(camelCase(name));

/** Names that the written files use for something else. */
const USED = new Set([
  'columns',
  'context',
  'ctx',
  'datetime',
  'id',
  'limits',
  'project',
  'query',
  'router',
  'routes',
  'serializer',
  'sql',
  'state',
  'text',
  'title',
  'tx',
  'z',
]);

const capitalized = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

const camelCase = (name: string): string =>
  name
    .split('_')
    .filter((word) => word !== '')
    .map((word, index) => (index === 0 ? word : capitalized(word)))
    .join('');

/** Returns the noun for one row of a table: `notes` has a note, `time_entries` a time_entry. */
export function singularOf(name: string): string {
  if (name.endsWith('ies') && name.length > 4) {
    return `${name.slice(0, -3)}y`;
  }
  if (/(?:ss|x|zz|ch|sh)es$/.test(name)) {
    return name.slice(0, -2);
  }
  return /[^su_]s$/.test(name) ? name.slice(0, -1) : name;
}

/** Returns the names of an app in TypeScript, in paths and in fixtures. */
export function namesOf(name: string) {
  const singular = singularOf(name);
  const variable = camelCase(singular);
  const row = singular === name || USED.has(variable) || isReserved(variable) ? `${variable}Row` : variable;
  return {
    app: camelCase(name),
    /** The serializer. */
    row,
    /** The type of a row. */
    Row: capitalized(row),
    model: `${name}.${singular}`,
    path: `/api/${name.replaceAll('_', '-')}`,
  };
}
