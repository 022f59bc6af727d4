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

/** A secret in the format of webhooks. A route may exist with a secret only. */
const SECRET = 'whsec_0123456789';

/** Returns the values that a setting accepts as text, of `true`, `false`, the words of a choice, and a secret. */
const valuesOf = (field: z.ZodType): readonly string[] => {
  const choices = (z.toJSONSchema(field, { io: 'output', unrepresentable: 'any' }).enum ?? []).filter(
    (choice) => typeof choice === 'string',
  );
  return ['true', 'false', ...choices, SECRET].filter((value) => field.safeParse(value).success);
};

/** For each setting and variable that is a switch or a choice, a value that is not its default. */
const changedValues = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const setting = field as z.ZodType;
      const byDefault = setting.safeParse(undefined).data;
      const changed = valuesOf(setting).find((value) => setting.parse(value) !== byDefault);
      return changed === undefined ? [] : [[name, changed]];
    }),
  );

const CHANGED = changedValues(settingsSchemaOf(project).shape);

/** Routes that exist with certain variables only. */
const VARIABLES = changedValues(Object.assign({}, ...project.apps.map(({ environment }) => environment)));

const ENVIRONMENTS = [{}, CHANGED];

test('changes settings and variables of each kind', (t) => {
  t.true(Object.keys(CHANGED).length > 5);
  t.true(Object.keys(VARIABLES).length > 2);
});

for (const kind of ['tenant', 'site'] as const) {
  test(`the document of a ${kind} obeys the recommended rules of redocly`, async (t) => {
    const routers = await createDescribedRouters(project, kind, VARIABLES);
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
    t.deepEqual(undescribedRoutes(await createDescribedRouters(project, kind, VARIABLES)), []);
  });
}
