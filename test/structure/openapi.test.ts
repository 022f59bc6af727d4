import { createConfig, lintFromString } from '@redocly/openapi-core';
import test from 'ava';

import { undescribedRoutes } from '../../src/http/openapi/document.ts';
import { project } from '../../src/project.ts';
import { createProjectDocument } from '../../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../../src/server/describe-project.ts';

/** The rules that redocly recommends, without one: paths end with a slash, as in Django REST Framework. */
const config = createConfig({ extends: ['recommended'], rules: { 'no-path-trailing-slash': 'off' } });

const ENVIRONMENTS: ReadonlyArray<Readonly<Record<string, string>>> = [
  {},
  {
    LOGIN_FIELD: 'email',
    AUTH_COOKIES: 'true',
    ROTATE_REFRESH_TOKENS: 'true',
    SEND_ACTIVATION_EMAIL: 'true',
  },
];

for (const kind of ['tenant', 'site'] as const) {
  test(`the document of a ${kind} obeys the recommended rules of redocly`, async (t) => {
    const routers = await createDescribedRouters(project, kind);
    for (const environment of ENVIRONMENTS) {
      const document = createProjectDocument(
        project,
        kind,
        routers,
        describedSettings(project, kind, environment),
      );
      const problems = await lintFromString({
        source: JSON.stringify(document),
        absoluteRef: `/${kind}.json`,
        config: await config,
      });
      t.deepEqual(
        problems.map(({ ruleId, message }) => `${ruleId}: ${message}`),
        [],
      );
    }
  });

  test(`every route of a ${kind} is described`, async (t) => {
    t.deepEqual(undescribedRoutes(await createDescribedRouters(project, kind)), []);
  });
}
