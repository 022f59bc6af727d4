/**
 * Follows docs/tutorial.md, and runs `new-app`, in one copy of this repository. `npm run check` of the tutorial checks both apps.
 * Run alone: node_modules/.bin/node test/run.ts test/dev/generated-apps.test.ts
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import { copyRepository, type RepositoryCopy } from '../helpers/repository-copy.ts';

const TUTORIAL = path.join(import.meta.dirname, '../../docs/tutorial.md');

/** The code blocks of a page, in order. */
const blocksOf = (page: string): ReadonlyArray<Readonly<{ language: string; text: string }>> =>
  [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));

/** The path in the first line of a block: `// src/…` or `-- sql/…`. */
const FILE = /^(?:\/\/|--) (\S+\/\S+)\n/;

/** Returns the schemas of the requests and responses of a path, as a document names them. */
function schemasOf(path: Readonly<Record<string, object>> = {}): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(path).map(([method, operation]) => {
      // Errors have schemas of their own.
      const { requestBody, responses } = operation as { requestBody?: object; responses: object };
      const succeeding = Object.entries(responses).filter(([status]) => status.startsWith('2'));
      const references = JSON.stringify([requestBody, succeeding]).matchAll(/components\/schemas\/(\w+)/g);
      return [method, [...new Set([...references].map(([, name = '']) => name))]];
    }),
  );
}

let copy: RepositoryCopy;
test.before(async () => {
  copy = await copyRepository();
});
test.after.always(() => copy?.remove());

test.serial('new-app generates an app that passes its own test', async (t) => {
  t.timeout(600_000);
  const printed = await copy.run('npm run --silent new-app time_entries');
  t.regex(printed, /src\/apps\/time_entries\/app\.ts\n/);
  t.regex(printed, /make migrate/);
  const [command = ''] = /node_modules\/\.bin\/node test\/run\.ts \S+/.exec(printed) ?? [];
  t.regex(await copy.run(command), /\n2 passed, 0 failed\n$/);
});

test.serial(
  'docs/tutorial.md creates an app that passes its test. Both apps pass format, lint and types',
  async (t) => {
    t.timeout(600_000);
    const blocks = blocksOf(await readFile(TUTORIAL, 'utf8'));
    let [commands, files, tests] = [0, 0, ''];
    for (const { language, text } of blocks) {
      if (language === 'sh') {
        for (const command of text.trim().split('\n')) {
          const output = await copy.run(command);
          tests += /\d+ passed, 0 failed/.exec(output)?.[0] ?? '';
          commands += 1;
        }
      } else {
        const [line = '', file = ''] = FILE.exec(text) ?? [];
        t.not(file, '', `A block names no file: ${text.slice(0, 80)}`);
        await mkdir(path.dirname(path.join(copy.folder, file)), { recursive: true });
        await writeFile(path.join(copy.folder, file), language === 'sql' ? text : text.slice(line.length));
        files += 1;
      }
    }
    t.deepEqual({ commands, files, tests }, { commands: 4, files: 7, tests: '4 passed, 0 failed' });
  },
);

test.serial('both apps pass the check for unused files and exports', async (t) => {
  t.timeout(600_000);
  // The copy has no benchmarks and few tests, so files of the engine are reported.
  const report = await copy.run('npm run --silent unused -- --include files,exports,types --no-exit-code');
  t.deepEqual(
    report.split('\n').filter((line) => /\b(tickets|time_entries)\b/.test(line)),
    [],
  );
});

test.serial('the OpenAPI document has the routes and schemas of both apps', async (t) => {
  const document = JSON.parse(await readFile(path.join(copy.folder, '.data/openapi.json'), 'utf8'));
  for (const name of ['Ticket', 'TicketRequest', 'PatchedTicketRequest', 'PaginatedTicketCommentList']) {
    t.true(Object.hasOwn(document.components.schemas, name), name);
  }

  const { paths } = document;
  t.deepEqual(schemasOf(paths['/api/time-entries/']), {
    get: ['PaginatedTimeEntryList'],
    post: ['TimeEntryRequest', 'TimeEntry'],
  });
  t.deepEqual(schemasOf(paths['/api/time-entries/{id}/']), {
    get: ['TimeEntry'],
    patch: ['PatchedTimeEntryRequest', 'TimeEntry'],
    delete: [],
  });
});
