/** The service without CORS, entity tags and idempotency keys, for contract.ts. */
import { importWithout } from '../test/helpers/without-rules.ts';

const RESOURCE = 'src/http/resource.ts';

await importWithout(
  'contract',
  [
    {
      file: 'src/server/app.ts',
      from: 'app.use(cors({ settingsOf, defaults: deps.corsDefaults }));',
      to: '',
    },
    { file: RESOURCE, from: ' && !needsTransaction(options, ctx as Context)', to: '' },
    {
      file: RESOURCE,
      from: 'const handlers = withOptions(given, options);',
      to: 'const handlers = given;',
    },
  ],
  'src/main.ts',
);
