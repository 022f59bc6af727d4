import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { WALLS } from '../../src/attacks/walls.ts';
import { attacks } from '../isolation/attacks/index.ts';
import { switches } from '../isolation/switches/index.ts';
import { LOST_UNHARDENED } from '../isolation/unhardened.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs/isolation.md');

/** The ids in code type of a section, each once. */
async function idsOf(heading: string): Promise<string[]> {
  const text = await readFile(DOCS, 'utf8');
  const section = text.split(`\n### ${heading}\n`)[1]?.split(/\n##/)[0] ?? '';
  return [...section.matchAll(/`([a-z-]+[a-z0-9-]*)`/g)].map(([, id]) => id ?? '').sort();
}

test('every attack has a unique id, and there are at least 120', (t) => {
  t.is(new Set(attacks.map(({ id }) => id)).size, attacks.length);
  t.true(attacks.length >= 120);
});

test('docs/isolation.md lists every attack, and no other', async (t) => {
  t.deepEqual(await idsOf('Attacks'), attacks.map(({ id }) => id).sort());
});

test('docs/isolation.md lists every switch, and no other', async (t) => {
  t.deepEqual(await idsOf('Switches'), switches.map(({ id }) => id).sort());
});

test('docs/isolation.md lists the losses without hardening', async (t) => {
  t.deepEqual(await idsOf('Lost without hardening'), [...LOST_UNHARDENED].sort());
});

test('every attack and switch names a known wall', (t) => {
  const named = [...attacks.flatMap(({ walls }) => walls), ...switches.map(({ wall }) => wall)];
  t.deepEqual(
    [...new Set(named)].filter((wall) => !(wall in WALLS)),
    [],
  );
});
