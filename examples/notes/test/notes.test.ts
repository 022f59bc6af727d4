import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openTestTenancy } from 'koa-tenants/testing';

import { project } from '../src/project.ts';

const tenancy = await openTestTenancy({ project });
after(() => tenancy.close());

const { acme, globex } = tenancy;
const ada = await acme.createUser('ada');
const bob = await acme.createUser('bob');

test('an author writes, changes and deletes a note', async () => {
  const created = await ada.post('/api/notes/', { title: 'Shopping', body: 'Milk' });
  assert.equal(created.status, 201);
  assert.deepEqual(
    { author_id: created.body.author_id, title: created.body.title, body: created.body.body },
    { author_id: Number(ada.id), title: 'Shopping', body: 'Milk' },
  );

  const path = `/api/notes/${created.body.id}/`;
  assert.equal((await ada.patch(path, { body: 'Milk, bread' })).body.body, 'Milk, bread');
  assert.equal((await ada.delete(path)).status, 204);
  assert.equal((await ada.get(path)).status, 404);
});

test('a repeated request with a key adds one note', async () => {
  const headers = { 'Idempotency-Key': '"3f0c"' };
  const first = await ada.post('/api/notes/', { title: 'Once' }, { headers });
  const again = await ada.post('/api/notes/', { title: 'Once' }, { headers });
  assert.equal(again.status, 201);
  assert.equal(again.body.id, first.body.id);
  assert.equal((await ada.get('/api/notes/?search=Once')).body.count, 1);
});

test('a note that changed in between is not overwritten', async () => {
  const { body: note } = await ada.post('/api/notes/', { title: 'Draft' });
  const path = `/api/notes/${note.id}/`;
  const headers = { 'If-Match': (await ada.get(path)).headers.etag ?? '' };

  assert.equal((await ada.patch(path, { title: 'First' }, { headers })).status, 200);
  assert.equal((await ada.patch(path, { title: 'Second' }, { headers })).status, 412);
  assert.equal((await ada.get(path)).body.title, 'First');
});

test('only the author changes or deletes a note', async () => {
  const { body: note } = await ada.post('/api/notes/', { title: 'Mine' });
  const path = `/api/notes/${note.id}/`;

  assert.equal((await bob.get(path)).status, 200);
  assert.equal((await bob.patch(path, { title: 'Yours' })).status, 403);
  assert.equal((await bob.delete(path)).status, 403);
  assert.equal((await bob.get(path)).body.title, 'Mine');
});

test('a list finds notes by a text in any case', async () => {
  await ada.post('/api/notes/', { title: 'Holiday plans', body: 'Lisbon or Porto' });

  const found = await bob.get('/api/notes/?search=PORTO');
  assert.equal(found.body.count, 1);
  assert.equal(found.body.results[0].title, 'Holiday plans');
  assert.equal((await bob.get('/api/notes/?search=100%25')).body.count, 0);
  assert.equal((await bob.get(`/api/notes/?search=PORTO&author_id=${bob.id}`)).body.count, 0);
  assert.equal((await bob.get('/api/notes/?created_at__gte=soon')).status, 400);
});

test('anybody of the tenant comments on a note', async () => {
  const { body: note } = await ada.post('/api/notes/', { title: 'Lunch?' });
  const path = `/api/notes/${note.id}/comments/`;

  assert.equal((await bob.post(path, { body: 'At noon' })).status, 201);
  assert.deepEqual((await bob.post(path, {})).body, { body: ['This field is required.'] });
  assert.deepEqual(
    (await ada.get(path)).body.map(({ author_id, body }: { author_id: number; body: string }) => ({
      author_id,
      body,
    })),
    [{ author_id: Number(bob.id), body: 'At noon' }],
  );
});

test('a tenant has no access to the notes of another', async () => {
  await acme.loadFixture([
    { model: 'notes.note', pk: 4711, fields: { author_id: Number(ada.id), title: 'Secret' } },
  ]);
  const eve = await globex.createUser('eve');

  assert.equal((await ada.get('/api/notes/4711/')).status, 200);
  assert.equal((await eve.get('/api/notes/4711/')).status, 404);
  assert.equal((await eve.get('/api/notes/')).body.count, 0);
  assert.equal((await globex.anonymous.get('/api/notes/')).status, 401);
});
