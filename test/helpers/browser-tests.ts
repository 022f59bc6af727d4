import type { ExecutionContext, TestFn } from 'ava';
import type { Browser } from 'playwright-core';

import { findChromium, openChromium } from './chromium.ts';

/** Far more than a test needs: on a loaded machine, one page may take seconds. */
const TIMEOUT_MS = 300_000;

export type BrowserTest = (
  title: string,
  body: (t: ExecutionContext, browser: Browser) => Promise<void>,
) => void;

/**
 * Returns a function that declares serial tests of a file with one Chromium, which starts before the first one. Without
 * Chromium such a test passes with a note, but fails in CI.
 */
export function createBrowserTest(test: TestFn): BrowserTest {
  const executable = findChromium();
  let started: Promise<Browser> | undefined;
  test.after.always(async () => (await started)?.close());
  return (title, body) =>
    test.serial(title, async (t) => {
      if (executable === null) {
        t.falsy(process.env.CI, 'CI must have Chromium');
        t.log('Not tested: no Chromium was found. Install the package chromium, or set CHROMIUM.');
        return;
      }
      t.timeout(TIMEOUT_MS);
      started ??= openChromium(executable);
      await body(t, await started);
    });
}
