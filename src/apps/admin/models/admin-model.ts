import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';

import type { AdminOptions, DeclaredModel } from '../../../definition/models.ts';
import { fieldInfo, readOnly } from '../../../http/fields/field.ts';
import { serializer } from '../../../http/fields/serializer.ts';
import type { Lookup } from '../../../http/lists/filters.ts';
import type { Columns } from '../../../http/lists/parameters.ts';
import { type AnySerializer, labelOf } from '../../../http/metadata.ts';

type Fields = Readonly<Record<string, z.ZodType>>;

/** A model with the defaults of all options. */
export type AdminModel = Readonly<{
  model: string;
  app: string;
  table: string;
  name: string;
  namePlural: string;
  /** With the fields that staff may set. */
  serializer: AnySerializer;
  fields: Fields;
  /** Name of each field's column. */
  columnNames: Readonly<Record<string, string>>;
  titleOf: (field: string, options: Readonly<{ isRelation: boolean }>) => string;
  label: string;
  list: readonly string[];
  search: readonly string[];
  filters: Readonly<Record<string, readonly Lookup[]>>;
  /** Names of the fields for which the console shows a filter. */
  shownFilters: readonly string[];
  /** Whether the app has chosen them. Otherwise relations are among them. */
  hasOwnFilters: boolean;
  ordering: readonly string[];
  order: readonly string[];
  isReadOnly: boolean;
  isHidden: boolean;
  /** Permissions that staff need, by action. */
  permissions: NonNullable<AdminOptions['permissions']>;
}>;

/** Longest text of a list column, in characters. */
const SHORT = 500;
const LIST_COLUMNS = 6;

export type JsonSchema = Readonly<{
  type?: string;
  format?: string;
  enum?: readonly unknown[];
  maxLength?: number;
  anyOf?: readonly JsonSchema[];
}>;

/** Returns the JSON Schema of a field's values, without null. */
export function schemaOf(field: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' });
  const described = json as JsonSchema;
  return described.anyOf?.find(({ type }) => type !== 'null') ?? described;
}

/** How the admin treats a field. */
export type FieldKind = 'text' | 'long text' | 'boolean' | 'choice' | 'number' | 'date' | 'json' | 'other';

/** Returns how the admin treats a field: by its choices, its SQL type and its length. */
export function kindOf(field: z.ZodType): FieldKind {
  const sqlType = fieldInfo(field)?.sqlType ?? null;
  const { type, enum: choices, maxLength } = schemaOf(field);
  if (choices) {
    return 'choice';
  }
  switch (sqlType) {
    case 'boolean':
      return 'boolean';
    case 'bigint':
    case 'numeric':
      return 'number';
    case 'date':
    case 'timestamptz':
      return 'date';
    case 'jsonb':
      return 'json';
    case 'uuid':
      return 'other';
    default:
      return type === 'string'
        ? maxLength !== undefined && maxLength <= SHORT
          ? 'text'
          : 'long text'
        : type === 'boolean'
          ? 'boolean'
          : 'other';
  }
}

const COMPARED: readonly Lookup[] = ['exact', 'gt', 'gte', 'lt', 'lte'];

/** Comparisons by kind. The parameters of a request can use them for every field of the kind. */
const LOOKUPS: Readonly<Record<FieldKind, readonly Lookup[]>> = {
  text: ['exact', 'in', 'icontains'],
  'long text': ['icontains'],
  boolean: ['exact'],
  choice: ['exact', 'in'],
  number: [...COMPARED, 'in'],
  date: COMPARED,
  json: [],
  other: ['exact', 'in'],
};

const unwrapped = (field: z.ZodType): z.ZodType =>
  field instanceof z.ZodReadonly ? (field.def.innerType as z.ZodType) : field;

/** Returns the fields as staff may set them. */
function editableFields(fields: Fields, { editable = [], readOnly: given = [] }: AdminOptions): Fields {
  const isFixed = (name: string): boolean => given === true || (given !== false && given.includes(name));
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      isFixed(name) ? readOnly(unwrapped(field)) : editable.includes(name) ? unwrapped(field) : field,
    ]),
  );
}

function lookupsOf(field: z.ZodType): readonly Lookup[] {
  const lookups = LOOKUPS[kindOf(field)];
  return fieldInfo(field)?.isNullable && lookups.length > 0 ? [...lookups, 'isnull'] : lookups;
}

const words = (name: string): string => name.replaceAll('_', ' ');

/** Returns the part of a model's name that follows the app's. */
const shortName = (model: string): string => model.slice(model.indexOf('.') + 1);

export function createAdminModel({
  app,
  model,
  table,
  fields: declared,
  options,
}: DeclaredModel): AdminModel {
  const fields = editableFields(declared.fields as Fields, options);
  const names = Object.keys(fields);
  const kinds = new Map(names.map((name) => [name, kindOf(fields[name] as z.ZodType)]));
  const ofKind = (...wanted: FieldKind[]): string[] =>
    names.filter((name) => wanted.includes(kinds.get(name) as FieldKind));
  const label = options.label ?? ofKind('text')[0] ?? ofKind('long text')[0] ?? 'id';
  const listed = names.filter(
    (name) =>
      name !== 'id' && name !== label && !['long text', 'json'].includes(kinds.get(name) as FieldKind),
  );
  const titles = options.titles ?? {};
  return {
    model,
    app,
    table,
    name: options.name ?? words(shortName(model)),
    namePlural: options.namePlural ?? words(table),
    serializer: serializer(fields) as AnySerializer,
    fields,
    columnNames: { ...Object.fromEntries(names.map((name) => [name, name])), ...options.columns },
    titleOf: (field, { isRelation }) =>
      (Object.hasOwn(titles, field) ? titles[field] : undefined) ??
      labelOf(isRelation ? field.replace(/_id$/, '') : field),
    label,
    list: options.list ?? [label, ...listed].slice(0, LIST_COLUMNS),
    search: options.search ?? ofKind('text', 'long text'),
    filters: Object.fromEntries(names.map((name) => [name, lookupsOf(fields[name] as z.ZodType)])),
    shownFilters: options.filters ?? ofKind('boolean', 'choice', 'date'),
    hasOwnFilters: options.filters !== undefined,
    ordering: names.filter((name) => kinds.get(name) !== 'json'),
    order: options.order ?? ['id'],
    isReadOnly: options.readOnly === true,
    isHidden: options.hidden ?? false,
    permissions: options.permissions ?? {},
  };
}

/** Returns the column of a field of the model. */
export const columnOfField = ({ columnNames }: AdminModel, field: string): FragmentSqlToken =>
  sql.fragment`${sql.identifier([columnNames[field] ?? field])}`;

/** Returns the columns of lists: field to column. */
export const columnsOfModel = (model: AdminModel): Columns =>
  Object.fromEntries(Object.keys(model.fields).map((name) => [name, columnOfField(model, name)]));

/** Returns the columns of a row, under the names of its fields. */
export const selectedColumns = (model: AdminModel): FragmentSqlToken =>
  sql.fragment`${sql.join(
    Object.keys(model.fields).map(
      (name) => sql.fragment`${columnOfField(model, name)} as ${sql.identifier([name])}`,
    ),
    sql.fragment`, `,
  )}`;
