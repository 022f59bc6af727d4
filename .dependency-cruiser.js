// The direction of imports: each layer may import the layers above it in this list, and itself.
// docs/architecture.md explains the layers. test/structure/imports.test.ts applies these rules.
const LAYERS = [
  '^src/(errors|counted|lazy-modules|growing-cache)\\.ts$',
  '^src/db/',
  '^src/tenancy/registry/',
  '^src/tenancy/context/',
  '^src/tenancy/migrations/',
  '^src/tenancy/install/',
  '^src/tenancy/lifecycle/',
  '^src/tenancy/(fleet|transfer|fixtures)/',
  '^src/tenancy/operations/',
  '^src/attacks/',
  '^src/config/',
  '^src/http/',
  '^src/observability/',
  '^src/(definition|cli/framework)/',
  '^src/operations/',
  '^src/apps/',
  '^src/server/',
  '^src/cli/(?!framework/)',
  '^src/dev/',
  '^src/testing/',
  '^src/(main|cli|tenants|project|load-project|index|run-command-line|execute-command-line|dev-commands)\\.ts$',
];

const downwards = LAYERS.slice(0, -1).map((layer, index) => ({
  name: `layer ${layer.replace(/^\^|\\|\$$|\/$/g, '')} imports no later layer`,
  severity: 'error',
  from: { path: layer },
  to: { path: LAYERS.slice(index + 1) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...downwards,
    {
      name: 'no import circles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'apps do not import each other',
      severity: 'error',
      from: { path: '^src/apps/([^/]+)/' },
      to: { path: '^src/apps/', pathNot: '^src/apps/$1/' },
    },
    {
      name: 'src imports nothing of test, bench or scripts',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|examples)/' },
    },
    {
      name: 'errors.ts, counted.ts and lazy-modules.ts import nothing',
      severity: 'error',
      from: { path: '^src/(errors|counted|lazy-modules)\\.ts$' },
      to: {},
    },
    {
      name: 'db, tenancy and attacks do not use Koa',
      severity: 'error',
      from: { path: '^src/(db|tenancy|attacks)/' },
      to: { path: '(^|/)node_modules/(koa|koa-[^/]+|@koa|@types/koa)(/|$)' },
    },
    {
      name: 'only db, tenancy, attacks and dev open connections',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(db|tenancy|attacks|dev|testing|http/rate-limit)/' },
      to: {
        path: '(^|/)node_modules/(pg|pg-[^/]+|@slonik|@types/pg)(/|$)',
        dependencyTypesNot: ['type-only', 'pre-compilation-only'],
      },
    },
    {
      name: 'every import resolves',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^node:' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
