import test from 'ava';

import { lazyModule, loadLazyModules } from '../../src/lazy-modules.ts';

test('registered modules are loaded one after the other, and an error ends it', async (t) => {
  const loaded: string[] = [];
  const load = (name: string) =>
    lazyModule(async () => {
      loaded.push(name);
      return name;
    });
  t.is(await load('one')(), 'one');
  load('two');
  lazyModule(() => Promise.reject(new Error('The file does not exist.')));
  load('three');
  await t.throwsAsync(loadLazyModules(), { message: 'The file does not exist.' });
  t.deepEqual(loaded, ['one', 'one', 'two']);
});
