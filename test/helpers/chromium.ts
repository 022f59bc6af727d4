import { existsSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

const CANDIDATES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Returns the path of a Chromium of this machine, or null. */
export const findChromium = (): string | null =>
  CANDIDATES.find((path) => path !== undefined && existsSync(path)) ?? null;

/** Starts one process of Chromium. Hosts below `localhost` and `browser.test` are this machine. */
export const openChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP localhost 127.0.0.1, MAP *.browser.test 127.0.0.1',
    ],
  });

type RunningAnimation = Readonly<{
  finished: Promise<unknown>;
  effect: { getComputedTiming: () => Readonly<{ endTime?: unknown }> } | null;
}>;

/** Waits until transitions have ended: axe measures the colors of a moment. */
async function transitionsEnded(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const { document, requestAnimationFrame } = globalThis as unknown as {
      requestAnimationFrame: (done: (time: number) => void) => void;
      document: { getAnimations: () => readonly RunningAnimation[] };
    };
    // A change of the page starts its transitions in the next frame.
    for (let frame = 0; frame < 2; frame += 1) {
      await new Promise<number>((resolve) => requestAnimationFrame(resolve));
    }
    await Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY)
        .map(({ finished }) => finished),
    );
  });
}

/**
 * Returns the rules of axe that a page violates, with the elements. The page's own policy forbids scripts, so its context
 * must have `bypassCSP`.
 */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await transitionsEnded(page);
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: loaded } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: Array<{ id: string; nodes: Array<{ html: string }> }> }> };
    };
    const { violations } = await loaded.run();
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`,
    );
  });
}

/** Whether a page is wider than the window. */
export const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');

/** Saves the whole page as an image if SCREENSHOTS names a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) {
    await page.screenshot({
      path: join(folder, `${name.replaceAll(/[^a-z0-9-]+/gi, '_')}.png`),
      fullPage: true,
    });
  }
}
