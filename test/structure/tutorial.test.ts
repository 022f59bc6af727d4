/** Run alone: node_modules/.bin/node test/run.ts test/structure/tutorial.test.ts */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import { copyRepository } from '../helpers/repository-copy.ts';

const TUTORIAL = path.join(import.meta.dirname, '../../docs/tutorial.md');

/** The code blocks of a page, in order. */
const blocksOf = (page: string): ReadonlyArray<Readonly<{ language: string; text: string }>> =>
  [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));

/** The path in the first line of a block: `// src/…` or `-- sql/…`. */
const FILE = /^(?:\/\/|--) (\S+\/\S+)\n/;

test('the commands and files of docs/tutorial.md create an app that passes its test and is in the OpenAPI document', async (t) => {
  t.timeout(600_000);
  const blocks = blocksOf(await readFile(TUTORIAL, 'utf8'));
  const copy = await copyRepository();
  t.teardown(copy.remove);
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

  const document = JSON.parse(await readFile(path.join(copy.folder, '.data/openapi.json'), 'utf8'));
  for (const name of ['Ticket', 'TicketRequest', 'PatchedTicketRequest', 'PaginatedTicketCommentList']) {
    t.true(Object.hasOwn(document.components.schemas, name), name);
  }
});
