import test from 'ava';

import { attacksOfApps } from '../../src/attacks/attacks-of-apps.ts';
import { type Attack, sqlAttack } from '../../src/attacks/record.ts';

const attack = (id: string): Attack =>
  sqlAttack({ id, name: 'x', controls: 'one statement', walls: ['role'], texts: 'select 1' });
const app = (name: string, ...attacks: readonly Attack[]) => ({ name, attacks: async () => ({ attacks }) });

test('returns the attacks of all apps', async (t) => {
  const found = await attacksOfApps([
    app('one', attack('one-a'), attack('one-b')),
    app('none'),
    app('a_b', attack('a-b-c')),
  ]);
  t.deepEqual(
    found.map(({ id }) => id),
    ['one-a', 'one-b', 'a-b-c'],
  );
});

test('requires unique ids that begin with the name of their app', async (t) => {
  for (const apps of [
    [app('one', attack('other-a'))],
    [app('one', attack('one'))],
    [app('one', attack('one-a'), attack('one-a'))],
    // An attack of the suite.
    [app('rows', attack('rows-id'))],
  ]) {
    await t.throwsAsync(attacksOfApps(apps), { code: 'configuration_invalid' } as never);
  }
});

test('sqlAttack inserts its rows once for each installation', async (t) => {
  const planted: string[] = [];
  const sent: unknown[] = [];
  const world = {
    globex: { schema: 'globex' },
    migrating: async (_: unknown, text: string) => planted.push(text),
  };
  const fixture = { world, send: async (texts: unknown) => sent.push(texts) } as never;
  const { action } = sqlAttack({
    id: 'x',
    name: 'x',
    controls: 'one statement',
    walls: ['role'],
    plant: 'insert',
    texts: ['select 1', 'select 2'],
  });
  await action(fixture);
  await action(fixture);
  t.deepEqual(planted, ['insert']);
  t.deepEqual(sent, [
    ['select 1', 'select 2'],
    ['select 1', 'select 2'],
  ]);
});
