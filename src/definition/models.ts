import { type DomainError, OperatorError } from '../errors.ts';
import type { AnySerializer } from '../http/metadata.ts';
import type { SchemaKind } from '../tenancy/registry/project.ts';
import type { TableDeclaration, TableDeclarations } from '../tenancy/registry/table-declarations.ts';

const MODEL_ACTIONS = ['view', 'add', 'change', 'delete'] as const;

/** What staff do with the rows of a model. */
export type ModelAction = (typeof MODEL_ACTIONS)[number];

/** How the admin shows a model. docs/console.md explains the defaults. Names are those of fields. */
export type AdminOptions = Readonly<{
  /** Name of one row. Default: made of the model's name. */
  name?: string;
  /** Name of several rows. Default: made of the table's name. */
  namePlural?: string;
  /** Field to its title. Default: made of the field's name. */
  titles?: Readonly<Record<string, string>>;
  /** Field that names a row in titles and pickers. Default: the first text field, otherwise `id`. */
  label?: string;
  /** Columns of the list. Default: the label, and up to five further fields without long texts. */
  list?: readonly string[];
  /** Fields that the search reads. Default: all text fields. */
  search?: readonly string[];
  /** Fields that filters are offered for. Default: booleans, choices, dates and relations. */
  filters?: readonly string[];
  /** Order of the list, as in `?ordering=`. Default: by `id`. */
  order?: readonly string[];
  /** Field to column, where the names differ. */
  columns?: Readonly<Record<string, string>>;
  /** Read-only fields of the API that staff may set, such as an author. Default: none. */
  editable?: readonly string[];
  /** Fields that staff cannot set, or true: rows are neither added, changed nor deleted. Default: false. */
  readOnly?: boolean | readonly string[];
  /** Whether the model is absent from the menu. Pickers of other models offer its rows. Default: false. */
  hidden?: boolean;
  /**
   * Permissions of the app that staff need, by action. A user who may change rows may also view them. Default of
   * `change`: the permission to view rows; of the others: none.
   */
  permissions?: Readonly<Partial<Record<ModelAction, string>>>;
}>;

/** The part of a table's declaration that describes its rows to the API and the admin. */
export type ModelDeclaration = Readonly<{
  /** The serializer of its rows. Staff of a tenant manage the rows of such a table in the admin. */
  fields?: AnySerializer;
  /** Default: the defaults of each option. */
  admin?: AdminOptions;
}>;

/** By table, in the order of fixtures: referenced tables come first. */
export type AppTables = Readonly<Record<string, TableDeclaration & ModelDeclaration>>;

/** A table with `fields`. */
export type DeclaredModel = Readonly<{
  app: string;
  /** Schemas that have the table. */
  on: readonly SchemaKind[];
  /** `<app>.<model>`, as in fixtures. */
  model: string;
  table: string;
  fields: AnySerializer;
  options: AdminOptions;
}>;

const invalid = (message: string): DomainError => new OperatorError('configuration_invalid', message);

/** Returns the names of fields in options: option to names. */
const namesIn = (options: AdminOptions): Readonly<Record<string, readonly string[]>> => ({
  titles: Object.keys(options.titles ?? {}),
  label: options.label === undefined ? [] : [options.label],
  list: options.list ?? [],
  search: options.search ?? [],
  filters: options.filters ?? [],
  order: (options.order ?? []).map((name) => name.replace(/^-/, '')),
  columns: Object.keys(options.columns ?? {}),
  editable: options.editable ?? [],
  readOnly: Array.isArray(options.readOnly) ? options.readOnly : [],
});

function assertFields(object: string, { fields, options }: Pick<DeclaredModel, 'fields' | 'options'>): void {
  const known = Object.keys(fields.fields);
  if (!known.includes('id')) {
    throw invalid(`\`fields\` of ${object} must have the field "id".`);
  }
  for (const [option, names] of Object.entries(namesIn(options))) {
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw invalid(
        `\`admin.${option}\` of ${object} names the field "${unknown}". Its fields: ${known.join(', ')}.`,
      );
    }
  }
}

function assertPermissions(
  object: string,
  { permissions = {} }: AdminOptions,
  declared: readonly string[],
): void {
  const actions: readonly string[] = MODEL_ACTIONS;
  const action = Object.keys(permissions).find((name) => !actions.includes(name));
  if (action !== undefined) {
    throw invalid(
      `\`admin.permissions\` of ${object} names the action "${action}". Actions: ${actions.join(', ')}.`,
    );
  }
  const unknown = Object.entries(permissions).find(([, name]) => !declared.includes(name));
  if (unknown) {
    throw invalid(
      `\`admin.permissions.${unknown[0]}\` of ${object} names the permission "${unknown[1]}". ${declared.length === 0 ? 'The app declares none' : `The app declares: ${declared.join(', ')}`}.`,
    );
  }
}

/**
 * Separates the declarations of an app's tables: those of the engine, and the models.
 *
 * @throws OperatorError `configuration_invalid` for `fields` without `model`, and for unknown fields and permissions in
 *   `admin`
 */
export function splitTables(
  {
    name: app,
    on,
    permissions,
  }: Readonly<{ name: string; on: readonly SchemaKind[]; permissions: readonly string[] }>,
  declared: AppTables,
): Readonly<{ tables: TableDeclarations; models: readonly DeclaredModel[] }> {
  const tables: Record<string, TableDeclaration> = {};
  const models: DeclaredModel[] = [];
  for (const [table, { fields, admin, ...rest }] of Object.entries(declared)) {
    const object = `the table "${table}" of the app "${app}"`;
    tables[table] = rest;
    if (!fields) {
      if (admin) {
        throw invalid(`\`admin\` of ${object} needs \`fields\`.`);
      }
      continue;
    }
    const { model } = rest;
    if (model === undefined || !/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/.test(model)) {
      throw invalid(`\`fields\` of ${object} needs \`model\`, such as "${app}.row".`);
    }
    const options = admin ?? {};
    assertFields(object, { fields, options });
    assertPermissions(object, options, permissions);
    models.push({ app, on, model, table, fields, options });
  }
  return { tables, models };
}
