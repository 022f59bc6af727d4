import test from 'ava';
import { project } from '../../../src/project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const call = (method: string, path: string, body?: unknown) =>
  service.request('acme.localhost', method, path, { token, body });

/** Creates projects whose names begin with a unique word, and returns that word. */
let batches = 0;
async function plant(names: readonly string[]): Promise<string> {
  batches += 1;
  const word = `batch${batches}x`;
  for (const [index, name] of names.entries()) {
    await world.asOwner(`insert into acme.projects (name, created_at) values ($1, $2)`, [
      `${word} ${name}`,
      new Date(Date.UTC(2026, 0, 1, 0, 0, index)),
    ]);
  }
  return word;
}
const names = (body: { results: { name: string }[] }, word: string): string[] =>
  body.results.map(({ name }) => name.replace(`${word} `, ''));

test('a page has a count, links and at most page_size rows', async (t) => {
  const word = await plant(['1', '2', '3', '4', '5']);
  const first = await call('GET', `/api/projects/?search=${word}&page_size=2`);
  t.is(first.status, 200);
  t.deepEqual(Object.keys(first.body), ['count', 'next', 'previous', 'results']);
  t.is(first.body.count, 5);
  t.is(first.body.previous, null);
  t.deepEqual(names(first.body, word), ['1', '2']);

  const origin = 'http://acme.localhost';
  t.true(first.body.next.startsWith(`${origin}/api/projects/?`));
  const second = await call('GET', first.body.next.slice(origin.length));
  t.deepEqual(names(second.body, word), ['3', '4']);
  const third = await call('GET', second.body.next.slice(origin.length));
  t.deepEqual(names(third.body, word), ['5']);
  t.is(third.body.next, null);
  t.deepEqual((await call('GET', third.body.previous.slice(origin.length))).body, second.body);
  t.deepEqual((await call('GET', second.body.previous.slice(origin.length))).body, first.body);
  t.is(new URL(second.body.previous).searchParams.get('page'), null);
});

test('page=last returns the last page', async (t) => {
  const word = await plant(['1', '2', '3', '4', '5']);
  for (const [size, last] of [
    [2, ['5']],
    [5, ['1', '2', '3', '4', '5']],
    [4, ['5']],
    [1, ['5']],
  ] as const) {
    const { status, body } = await call('GET', `/api/projects/?search=${word}&page=last&page_size=${size}`);
    t.is(status, 200);
    t.deepEqual(names(body, word), [...last]);
    t.is(body.next, null);
  }
  const none = await call('GET', '/api/projects/?search=nothing-has-this-name&page=last');
  t.deepEqual(none.body, { count: 0, next: null, previous: null, results: [] });
});

test('the first page of an empty list is empty, and its second page does not exist', async (t) => {
  const nothing = '/api/projects/?search=nothing-has-this-name';
  t.deepEqual((await call('GET', nothing)).body, { count: 0, next: null, previous: null, results: [] });
  const { status, body } = await call('GET', `${nothing}&page=2`);
  t.deepEqual([status, body.detail], [404, 'Invalid page.']);
});

test('rejects page 0, a word, a fraction and a page past the end', async (t) => {
  for (const page of ['0', '-1', 'abc', '1.5', '999999', '99999999999999999999', '1%00', 'LAST', ' 1x']) {
    const { status, body } = await call('GET', `/api/projects/?page=${encodeURI(page)}`);
    t.deepEqual([status, body.detail], [404, 'Invalid page.'], page);
  }
  t.deepEqual(service.bugs, []);
});

test('page_size is limited to 100, and defaults to 20 for an invalid number', async (t) => {
  const word = await plant(Array.from({ length: 105 }, (_, index) => String(index)));
  for (const [size, length] of [
    ['1000', 100],
    ['99999999999999999999999', 100],
    ['100', 100],
    ['7', 7],
    ['0', 20],
    ['-5', 20],
    ['many', 20],
    ['', 20],
    ['1.5', 20],
  ] as const) {
    const { status, body } = await call('GET', `/api/projects/?search=${word}&page_size=${size}`);
    t.deepEqual([status, body.results?.length], [200, length], size);
  }
  t.is((await call('GET', `/api/projects/?search=${word}`)).body.results.length, 20);
});

test('orders a list by the requested field, by id by default, and ignores an unknown field', async (t) => {
  const word = await plant(['b', 'a', 'c', 'a']);
  const ordered = async (ordering: string): Promise<string[]> =>
    names((await call('GET', `/api/projects/?search=${word}&ordering=${ordering}`)).body, word);
  t.deepEqual(await ordered('name'), ['a', 'a', 'b', 'c']);
  t.deepEqual(await ordered('-name'), ['c', 'b', 'a', 'a']);
  t.deepEqual(await ordered('created_at'), ['b', 'a', 'c', 'a']);
  t.deepEqual(await ordered('-created_at'), ['a', 'c', 'a', 'b']);
  t.deepEqual(await ordered('-id'), ['a', 'c', 'a', 'b']);
  for (const unknown of ['', 'secret', '-', '--name', 'constructor', 'name;drop', '%00', 'random()', 'ID']) {
    t.deepEqual(await ordered(unknown), ['b', 'a', 'c', 'a'], unknown);
  }
  const mixed = await call('GET', `/api/projects/?search=${word}&ordering=nonsense,%20name,-id`);
  const ids = mixed.body.results.map(({ id }: { id: number }) => id);
  t.deepEqual(names(mixed.body, word), ['a', 'a', 'b', 'c']);
  t.true(ids[0] > ids[1]);
});

test('every row is on exactly one page', async (t) => {
  const word = await plant(Array.from({ length: 9 }, () => 'the same'));
  const seen: number[] = [];
  for (const page of [1, 2, 3]) {
    const { body } = await call(
      'GET',
      `/api/projects/?search=${word}&ordering=name&page_size=3&page=${page}`,
    );
    seen.push(...body.results.map(({ id }: { id: number }) => id));
  }
  t.is(new Set(seen).size, 9);
});

test('matches % and _ and \\ literally in a search', async (t) => {
  const word = await plant(['100% sure', '100 sure', 'snake_case', 'snakeXcase', 'back\\slash', 'backslash']);
  const found = async (search: string): Promise<string[]> =>
    names((await call('GET', `/api/projects/?search=${encodeURIComponent(`${word} ${search}`)}`)).body, word);
  t.deepEqual(await found('100%'), ['100% sure']);
  t.deepEqual(await found('%'), ['100% sure']);
  t.deepEqual(await found('snake_case'), ['snake_case']);
  t.deepEqual(await found('_'), ['snake_case']);
  t.deepEqual(await found('back\\s'), ['back\\slash']);
  t.deepEqual(await found('\\'), ['back\\slash']);
});

test('a search finds rows with every word anywhere in the name or description, case-insensitively', async (t) => {
  const word = await plant(['red apple', 'green apple', 'red pear']);
  await world.asOwner(`update acme.projects set description = 'from Kent' where name = $1`, [
    `${word} red pear`,
  ]);
  const found = async (search: string): Promise<string[]> =>
    names((await call('GET', `/api/projects/?search=${encodeURIComponent(search)}`)).body, word);
  t.deepEqual(await found(`${word} RED apple`), ['red apple']);
  t.deepEqual(await found(`apple,${word}`), ['red apple', 'green apple']);
  t.deepEqual(await found(`${word} kent red`), ['red pear']);
  t.deepEqual(await found(`${word} "apple red"`), []);
  t.deepEqual(await found(`"${word} red" 'red apple'`), ['red apple']);
  t.deepEqual(await found(`${word} "unclosed`), []);
  t.is((await found(`${word}'; drop table projects; --`)).length, 0);
  t.deepEqual(service.bugs, []);
});

test('an empty search returns every row, and too many words or characters are rejected', async (t) => {
  const everything = (await call('GET', '/api/projects/')).body.count;
  for (const search of ['', '%20', ',,,']) {
    const { status, body } = await call('GET', `/api/projects/?search=${search}`);
    t.is(status, 200);
    t.true(body.count >= everything, search);
  }
  const { status } = await call(
    'GET',
    `/api/projects/?search=${Array.from({ length: 1000 }, () => 'w').join('+')}`,
  );
  t.is(status, 400);
  const searchOfWords = (count: number) => Array.from({ length: count }, () => 'w').join('+');
  t.is((await call('GET', `/api/projects/?search=${searchOfWords(20)}`)).status, 200);
  t.deepEqual((await call('GET', `/api/projects/?search=${searchOfWords(21)}`)).body, {
    search: ['Ensure this field has no more than 20 words.'],
  });
  t.is((await call('GET', `/api/projects/?search=${'w'.repeat(500)}`)).status, 200);
  t.is((await call('GET', `/api/projects/?search=${'w'.repeat(501)}`)).status, 400);
  t.deepEqual(service.bugs, []);
});

test('ignores an empty phrase in a search', async (t) => {
  const word = await plant(['1', '2']);
  const { body } = await call('GET', `/api/projects/?search=${word}+%22%22+''`);
  t.deepEqual(names(body, word), ['1', '2']);
});

test('uses the last value of a repeated parameter, as Django does', async (t) => {
  const word = await plant(['1', '2', '3']);
  const { body } = await call(
    'GET',
    `/api/projects/?search=none&search=${word}&page_size=1&page_size=2&page=9&page=1`,
  );
  t.deepEqual(names(body, word), ['1', '2']);
});

test('exports projects with the search and the order of the list', async (t) => {
  const word = await plant(['b', 'a', '=1+1']);
  const { status, headers, text } = await call(
    'GET',
    `/api/projects/export/?search=${word}&ordering=-name&format=csv`,
  );
  t.deepEqual([status, headers['content-disposition']], [200, 'attachment; filename="projects.csv"']);
  const lines = text.trimEnd().split('\r\n');
  t.is(lines[0], 'id,name,description,created_at');
  t.deepEqual(
    lines.slice(1).map((line) => line.split(',')[1]),
    [`${word} b`, `${word} a`, `${word} =1+1`],
  );
});
