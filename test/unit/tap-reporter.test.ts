import test from 'ava';

import TapReporter from '../helpers/processes/tap-reporter.ts';

/** Returns the TAP of an event that ends a run in the middle of a test. */
function report(event: Readonly<{ type: string; [name: string]: unknown }>): string {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) };
  const reporter = new TapReporter({ projectDir: '/', reportStream: stream, stdStream: stream });
  reporter.consumeStateChange({ ...event, testFile: '/waits.test.ts' });
  return written.join('');
}

const pendingTests = new Map([['/waits.test.ts', new Set(['waits', 'waits, too'])]]);

test('a test that times out fails, with the reason', (t) => {
  const tap = report({ type: 'timeout', period: 120_000, pendingTests });
  t.deepEqual(tap.match(/^not ok .*/gm), ['not ok 1 - waits', 'not ok 2 - waits, too']);
  t.regex(tap, /no new tests completed within the last 120000ms/);
});

test('a test that ends its process fails, with the reason', (t) => {
  const tap = report({ type: 'process-exit', stack: 'Error\n    at waits.test.ts:1:1', pendingTests });
  t.deepEqual(tap.match(/^not ok .*/gm), ['not ok 1 - waits', 'not ok 2 - waits, too']);
  t.regex(tap, /Exiting due to process\.exit\(\) when running waits\.test\.ts/);
});
