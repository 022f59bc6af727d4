import { mkdirSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';

import type { Project } from '../src/definition/define-project.ts';
import { createProjectDocument } from '../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../src/server/describe-project.ts';

// openapi-typescript uses the compiler's JavaScript API, which TypeScript 7 does not have.
registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier === 'typescript' && context.parentURL?.includes('/openapi-typescript/')
        ? 'typescript-5'
        : specifier,
      context,
    ),
});

/**
 * Writes the types of a typed client into a folder: `tenant.ts` and `site.ts`, for `createClient<paths>()` of
 * openapi-fetch.
 */
export async function writeClientTypes(project: Project, folder: string): Promise<void> {
  const { default: openapiTypes, astToString } = await import('openapi-typescript');
  mkdirSync(folder, { recursive: true });
  for (const kind of ['tenant', 'site'] as const) {
    const document = createProjectDocument(
      project,
      kind,
      await createDescribedRouters(project, kind, 'all'),
      describedSettings(project, kind),
    );
    // A field with a default may be missing in a request.
    const types = await openapiTypes(JSON.stringify(document), { defaultNonNullable: false });
    writeFileSync(path.join(folder, `${kind}.ts`), astToString(types));
  }
}
