import { createConfig, lintFromString } from '@redocly/openapi-core';
import test from 'ava';
import { z } from 'zod';

import { undescribedRoutes } from '../../src/http/openapi/document.ts';
import { project } from '../../src/project.ts';
import { createProjectDocument } from '../../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../../src/server/describe-project.ts';
import { settingsSchemaOf } from '../../src/tenancy/registry/tenant-settings.ts';

/** The rules that redocly recommends, without one: paths end with a slash, as in Django REST Framework. */
const config = createConfig({ extends: ['recommended'], rules: { 'no-path-trailing-slash': 'off' } });

/** Returns the values that a setting accepts as text, of `true`, `false`, and the words of a choice. */
const valuesOf = (field: z.ZodType): readonly string[] => {
  const choices = (z.toJSONSchema(field, { io: 'output', unrepresentable: 'any' }).enum ?? []).filter(
    (choice) => typeof choice === 'string',
  );
  return ['true', 'false', ...choices].filter((value) => field.safeParse(value).success);
};

/** For each setting that is a switch or a choice, a value that is not its default. */
const CHANGED: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(settingsSchemaOf(project).shape).flatMap(([name, field]) => {
    const setting = field as z.ZodType;
    const byDefault = setting.safeParse(undefined).data;
    const changed = valuesOf(setting).find((value) => setting.parse(value) !== byDefault);
    return changed === undefined ? [] : [[name, changed]];
  }),
);

const ENVIRONMENTS = [{}, CHANGED];

test('changes settings of each kind', (t) => {
  t.true(Object.keys(CHANGED).length > 5);
});

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
