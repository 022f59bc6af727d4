import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { purgeTenant } from '../../src/tenancy/lifecycle/purge-tenant.ts';
import { deleteTenant } from '../../src/tenancy/registry/change-status.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { startDns, type TestDns } from '../helpers/dns.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, type Ran, run } from './run.ts';

let world: World;
let dns: TestDns;
test.before(async () => {
  dns = await startDns();
  world = await openWorld({ project: servedProject });
  // The document creates its own tenants.
  await deleteTenant(world.owner, 'acme', 1);
  await purgeTenant(world.owner, 'acme', () => ({ step: () => {}, stop: () => {} }));
});
test.after.always(async () => {
  await world?.close();
  await dns?.close();
});

/** Commands of the document's sections on tenants and domains, in its order. */
async function readCommands(): Promise<readonly string[]> {
  const docs = await readFile(join(import.meta.dirname, '../../docs/fleet.md'), 'utf8');
  const [sections = ''] = docs.split('\n## Run commands in tenants');
  return [...sections.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

type Command = Readonly<{ words: readonly string[]; input: string }>;

/** Splits a line of a shell: words, quotes, a comment, and the input of `echo … |`. */
function parse(line: string): Command {
  const [, piped, command = line] = /^echo '([^']*)' \| (.*)$/.exec(line) ?? [];
  const [text = '', comment = ''] = command.split(/\s+#\s*/);
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)]
    .map(([, double, single, bare]) => double ?? single ?? bare ?? '')
    .slice(1);
  const asked = comment === 'asks for the name' ? words[words.indexOf('--schema') + 1] : undefined;
  return { words, input: piped ?? asked ?? '' };
}

/** The messages of commands that are rejected when they are repeated. */
const REJECTED: Readonly<Record<string, RegExp>> = {
  'create-tenant': /already exists/,
  'add-domain': /already exists/,
  'rename-tenant': /^No tenant has the schema "initech"/,
  'delete-tenant --purge': /^No tenant has the schema "hooli"/,
  'remove-domain': /is not a domain of "acme"/,
};

const nameOf = ({ words: [name = '', ...rest] }: Command): string =>
  rest.includes('--purge') ? `${name} --purge` : name;

/** The registry, as an operator sees it. */
const registry = () =>
  world.asOwner(
    `select
       t.schema_name, t.name, t.status, t.retry_after, t.type, t.paid_until::text, t.purge_after::text,
       d.domain, d.is_primary, d.verified_at::text
     from public.tenants as t
     left join public.domains as d on d.tenant_id = t.id
     order by t.schema_name, d.domain`,
  );

test('runs every command of docs/fleet.md, and repeats it as documented', async (t) => {
  const commands = (await readCommands()).map(parse);
  t.true(commands.length >= 20);
  const rejected = new Set<string>();
  for (const command of commands) {
    const { words, input } = command;
    const title = words.join(' ');
    const tenants = (): Promise<Ran> =>
      run('served-cli.ts', words, environmentOf(world, { DNS_SERVER: dns.server }), input);
    const first = await tenants();
    t.is(first.code, 0, `${title}: ${first.err}`);
    const [, name, record] = /(\S+)\. TXT "([^"]+)"/.exec(first.err) ?? [];
    if (name !== undefined && record !== undefined) {
      dns.records.set(name, [record]);
    }
    const state = await registry();
    const second = await tenants();
    const rejection = REJECTED[nameOf(command)];
    t.is(second.code, rejection ? 1 : 0, `${title}: ${second.err}`);
    if (rejection) {
      rejected.add(nameOf(command));
      t.regex(second.err, rejection, title);
      isPlain(t, second);
    }
    t.deepEqual(await registry(), state, title);
  }
  t.deepEqual([...rejected].sort(), Object.keys(REJECTED).sort());
});
