import { existsSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

const CANDIDATES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Returns the path of a Chromium of this machine, or null. */
export const findChromium = (): string | null =>
  CANDIDATES.find((path) => path !== undefined && existsSync(path)) ?? null;

/** Far more than an action needs: on a loaded machine, a page may take seconds. */
const ACTION_TIMEOUT_MS = 120_000;

/** Starts one process of Chromium. Hosts below `localhost` and `browser.test` are this machine. */
export async function openChromium(executablePath: string): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath,
    timeout: ACTION_TIMEOUT_MS,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP localhost 127.0.0.1, MAP *.browser.test 127.0.0.1',
    ],
  });
  const newContext = browser.newContext.bind(browser);
  // Also called by `newPage`.
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(ACTION_TIMEOUT_MS);
    return context;
  };
  return browser;
}

/**
 * Ends the transitions and animations of a page, and prevents others: axe measures the colors of a moment, and a
 * message may begin to fade out while it measures. A constructed style sheet is not subject to the page's policy.
 */
const stopTransitions = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const { document, CSSStyleSheet } = globalThis as unknown as {
      document: { adoptedStyleSheets: unknown[] };
      CSSStyleSheet: new () => { replaceSync: (text: string) => void };
    };
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('*, ::before, ::after { transition: none !important; animation: none !important }');
    document.adoptedStyleSheets.push(sheet);
  });

/**
 * Returns the rules of axe that a page violates, with the elements. The page's own policy forbids scripts, so its context
 * must have `bypassCSP`.
 */
async function axeFindings(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate(`'axe' in globalThis`))) {
    await stopTransitions(page);
    await page.evaluate(axe.source);
  }
  return page.evaluate(async () => {
    const { axe: loaded } = globalThis as unknown as {
      axe: {
        run: (
          options: Readonly<{ resultTypes: readonly string[] }>,
        ) => Promise<{ violations: Array<{ id: string; nodes: Array<{ html: string }> }> }>;
      };
    };
    const { violations } = await loaded.run({ resultTypes: ['violations'] });
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`,
    );
  });
}

/** Whether a page is wider than the window. */
const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');

/** Windows in which pages are tested and shown. */
export const VIEWS = [
  { colorScheme: 'light', width: 360 },
  { colorScheme: 'dark', width: 360 },
  { colorScheme: 'light', width: 1440 },
  { colorScheme: 'dark', width: 1440 },
] as const;

/** Checks a page in light and dark, narrow and wide: it fits the window, and axe has no finding. */
export async function findFaults(page: Page, name: string): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const { colorScheme, width } of VIEWS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    if (await isTooWide(page)) {
      faults.push(`${name} is too wide at ${width} pixels`);
    }
    // Two of the four views have both color schemes and both widths.
    if ((colorScheme === 'light') === (width === 360)) {
      faults.push(
        ...(await axeFindings(page)).map((finding) => `${name} ${colorScheme} ${width}: ${finding}`),
      );
    }
    await screenshot(page, `${name}-${colorScheme}-${width}`);
  }
  return faults;
}

/** Saves the page as an image if SCREENSHOTS names a folder. */
async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) {
    await page.screenshot({
      path: join(folder, `${name.replaceAll(/[^a-z0-9-]+/gi, '_')}.png`),
      fullPage: true,
    });
  }
}
