import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';

const project = join(import.meta.dirname, '..', '..');
const folder = join(project, 'docs', 'systemd');
const units = new Map<string, string>();
test.before(async () => {
  for (const file of await readdir(folder)) {
    units.set(file, await readFile(join(folder, file), 'utf8'));
  }
});

test('each unit starts an existing program of the build', async (t) => {
  t.is(units.size, 3);
  for (const [file, text] of units) {
    const [, path] = /^ExecStart=\/usr\/bin\/node dist\/(\S+)\.js( |$)/m.exec(text) ?? [];
    await t.notThrowsAsync(access(join(project, `${path}.ts`)), file);
  }
});

test('the service unit has no variable of the owner', (t) => {
  for (const [file, text] of units) {
    t.is(/owner\.env/.test(text), file !== 'koa-tenants.service', file);
  }
});

test('all units have the same hardening', (t) => {
  const hardening = [...units.values()].map((text) => /^ProtectSystem=[\s\S]*?^UMask=.*$/m.exec(text)?.[0]);
  t.regex(hardening[0] ?? '', /^NoNewPrivileges=true$/m);
  t.is(new Set(hardening).size, 1);
});
