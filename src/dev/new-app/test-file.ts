import type { NewApp } from './layout.ts';
import { namesOf } from './names.ts';

export function testFile({ name, layout }: NewApp): string {
  const { path: url } = namesOf(name);
  const [head, equal, deepEqual, argument] = layout.ofEngine
    ? [
        `/** Run alone: ${layout.testCommand} */
import test from 'ava';

import { project } from '../../../src/project.ts';
import { openTestTenancy, type TestTenancy } from '../../../src/testing/index.ts';

let tenancy: TestTenancy;
test.before(async () => {
  tenancy = await openTestTenancy({ project });
});
test.after.always(() => tenancy?.close());`,
        't.is',
        't.deepEqual',
        't',
      ]
    : [
        `import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openTestTenancy } from 'koa-tenants/testing';

import { project } from '../src/project.ts';

const tenancy = await openTestTenancy({ project });
after(() => tenancy.close());`,
        'assert.equal',
        'assert.deepEqual',
        '',
      ];
  return `${head}

test('a user creates, finds, changes and deletes a row', async (${argument}) => {
  const ada = await tenancy.acme.createUser('ada');
  const created = await ada.post('${url}/', { title: 'First' });
  ${equal}(created.status, 201);
  const path = \`${url}/\${created.body.id}/\`;

  ${equal}((await ada.get('${url}/?search=FIRST')).body.count, 1);
  ${equal}((await ada.get('${url}/?search=second')).body.count, 0);
  ${equal}((await ada.patch(path, { title: 'Changed' })).body.title, 'Changed');
  ${deepEqual}((await ada.post('${url}/', {})).body, { title: ['This field is required.'] });
  ${equal}((await ada.delete(path)).status, 204);
  ${equal}((await ada.get(path)).status, 404);
});

test('a tenant has no access to the rows of another', async (${argument}) => {
  const bob = await tenancy.acme.createUser('bob');
  const eve = await tenancy.globex.createUser('eve');
  const { body } = await bob.post('${url}/', { title: 'Secret' });

  ${equal}((await bob.get(\`${url}/\${body.id}/\`)).status, 200);
  ${equal}((await eve.get(\`${url}/\${body.id}/\`)).status, 404);
  ${equal}((await eve.get('${url}/')).body.count, 0);
  ${equal}((await tenancy.globex.anonymous.get('${url}/')).status, 401);
});
`;
}
