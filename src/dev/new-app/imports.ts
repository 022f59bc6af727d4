import type { Layout } from './layout.ts';

/** The modules of the engine's repository, relative to src/, and what the files import from them. */
export const MODULES: Readonly<Record<string, readonly string[]>> = {
  'definition/define-app.ts': ['defineApp'],
  'definition/dependencies.ts': ['type RouteDependencies'],
  'http/body/validate.ts': ['readBody'],
  'http/fields/date.ts': ['datetime'],
  'http/fields/field.ts': ['readOnly'],
  'http/fields/relation.ts': ['id'],
  'http/fields/serializer.ts': ['serializer'],
  'http/fields/text.ts': ['text'],
  'http/identifier.ts': ['orNotFound', 'parseIdentifier'],
  'http/lists/list.ts': ['columnsOf', 'type List', 'type PageContext'],
  'http/lists/numbered-page.ts': ['numberedPages'],
  'http/lists/ordering.ts': ['orderingFor'],
  'http/lists/search.ts': ['searchFor'],
  'http/resource.ts': ['createRouter', 'resource', 'sendCreated'],
  'http/single.ts': ['single'],
  'http/state.ts': ['type State'],
  'tenancy/migrations/migration-sql.ts': ['tenantSql'],
};

const importFrom = (symbols: readonly string[], from: string): string =>
  symbols.every((symbol) => symbol.startsWith('type '))
    ? `import type { ${symbols.map((symbol) => symbol.slice(5)).join(', ')} } from '${from}';`
    : `import { ${symbols.join(', ')} } from '${from}';`;

/** Returns the imports of a file: from the modules of the engine's repository, or from the package. */
export function imports({ ofEngine }: Layout, symbols: readonly string[], toSource: string): string {
  if (!ofEngine) {
    return importFrom(symbols, 'koa-tenants');
  }
  return Object.entries(MODULES)
    .map(([module, all]) => [module, symbols.filter((symbol) => all.includes(symbol))] as const)
    .filter(([, used]) => used.length > 0)
    .map(([module, used]) => importFrom(used, `${toSource}/${module}`))
    .join('\n');
}
