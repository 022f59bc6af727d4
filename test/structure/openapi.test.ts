import { createConfig, lintFromString } from '@redocly/openapi-core';
import test from 'ava';
import { z } from 'zod';

import { operation } from '../../src/http/openapi/description.ts';
import { createDocument, undescribedRoutes } from '../../src/http/openapi/document.ts';
import { createRouter, resource } from '../../src/http/resource.ts';
import { project } from '../../src/project.ts';
import { createProjectDocument } from '../../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../../src/server/describe-project.ts';
import { settingsSchemaOf } from '../../src/tenancy/registry/tenant-settings.ts';

/** The rules that redocly recommends, without one: paths end with a slash, as in Django REST Framework. */
const config = createConfig({ extends: ['recommended'], rules: { 'no-path-trailing-slash': 'off' } });

/** For each setting that is a switch or a choice, a value that is not its default. */
const CHANGED: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(settingsSchemaOf(project).shape).flatMap(([name, field]) => {
    const setting = field as z.ZodType;
    const choices = z.toJSONSchema(setting, { io: 'output', unrepresentable: 'any' }).enum ?? [];
    const changed = ['true', 'false', ...choices].find((value) => {
      const parsed = setting.safeParse(value);
      return parsed.success && parsed.data !== setting.safeParse(undefined).data;
    });
    return changed === undefined ? [] : [[name, String(changed)]];
  }),
);

const ENVIRONMENTS = [{}, CHANGED];

const documentsOf = async (kind: 'tenant' | 'site') => {
  const routers = await createDescribedRouters(project, kind, 'all');
  return ENVIRONMENTS.map((environment) =>
    createProjectDocument(project, kind, routers, describedSettings(project, kind, environment)),
  );
};

test('changes settings of each kind', (t) => {
  t.true(Object.keys(CHANGED).length > 5);
});

test('the same default ID of a row and of its list gets the name of the parameter', (t) => {
  const router = createRouter();
  for (const path of ['/api/notes', '/api/notes/:id']) {
    resource(router, path, [], { GET: operation({ response: z.object({}) }, async () => {}) });
  }
  const { paths } = createDocument({
    info: { title: 'Notes', version: '1', description: '' },
    routers: [{ app: 'notes', router }],
    security: null,
    settings: {},
  });
  const ids = Object.values(paths as Record<string, { get: { operationId: string } }>).map(
    ({ get }) => get.operationId,
  );
  t.deepEqual(ids, ['notes_retrieve', 'notes_retrieve_by_id']);
});

test('the document contains also the routes that variables add', async (t) => {
  const byDefault = await createDescribedRouters(project, 'site');
  const pathsOf = (routers: typeof byDefault) =>
    Object.keys(
      createProjectDocument(project, 'site', routers, describedSettings(project, 'site')).paths as object,
    );
  const all = pathsOf(await createDescribedRouters(project, 'site', 'all'));
  t.true(all.length > pathsOf(byDefault).length);
  t.true(pathsOf(byDefault).every((path) => all.includes(path)));
});

for (const kind of ['tenant', 'site'] as const) {
  test(`the document of a ${kind} obeys the recommended rules of redocly`, async (t) => {
    for (const document of await documentsOf(kind)) {
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
    t.deepEqual(undescribedRoutes(await createDescribedRouters(project, kind, 'all')), []);
  });

  test(`every operation of a ${kind} has an ID of its own, made of words`, async (t) => {
    for (const { paths } of await documentsOf(kind)) {
      const ids = Object.values(paths as Record<string, Record<string, { operationId: string }>>).flatMap(
        (methods) => Object.values(methods).map(({ operationId }) => operationId),
      );
      t.is(new Set(ids).size, ids.length);
      t.deepEqual(
        ids.filter((id) => !/^[a-z]+(?:_[a-z]+)+$/.test(id)),
        [],
      );
    }
  });

  test(`the document of a ${kind} has no bounds of JavaScript's numbers`, async (t) => {
    for (const document of await documentsOf(kind)) {
      t.false(JSON.stringify(document).includes(String(Number.MAX_SAFE_INTEGER)));
    }
  });
}
