/**
 * Compares the cases with the recorded responses of the real stack: Django, Django REST Framework, Djoser and SimpleJWT.
 * See docs/conformance.md.
 */
import test from 'ava';

process.env.CONFORMANCE_DIALECT = 'django';
const { cases } = await import('./cases.ts');
const { keyOf, readRecorded, recordedServer, requestsOf } = await import('./recorded.ts');
const { tryCase } = await import('./try-case.ts');

const recorded = readRecorded();

test('every case has a key of its own', (t) => {
  t.is(new Set(cases.map(keyOf)).size, cases.length);
});

for (const one of cases) {
  const { settings = {}, difference } = one;
  const key = keyOf(one);
  const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const title = `${set.length > 0 ? `with ${set.join(', ')}: ` : ''}${one.title}`;
  const recording = recorded.get(key);
  if (difference === undefined) {
    test(`Django agrees: ${title}`, async (t) => {
      if (!recording) {
        t.fail('not recorded: see docs/conformance.md');
        return;
      }
      t.is(recording.requests, requestsOf(one), 'the case sends other requests now: record it again');
      await t.notThrowsAsync(tryCase(recordedServer(recording), one, { known: { ...recording.known } }));
    });
  } else if (recording) {
    test(`Django differs: ${title}`, async (t) => {
      t.is(recording.requests, requestsOf(one), 'the case sends other requests now: record it again');
      await t.throwsAsync(tryCase(recordedServer(recording), one, { known: { ...recording.known } }));
    });
  }
}

test('every recorded case exists', (t) => {
  const keys = new Set(cases.map(keyOf));
  t.deepEqual(
    [...recorded.keys()].filter((key) => !keys.has(key)),
    [],
  );
});
