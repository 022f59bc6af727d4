import test from 'ava';
import type { Page } from 'playwright-core';

import { createBrowserTest } from '../../helpers/browser-tests.ts';
import { findChromium, findFaults } from '../../helpers/chromium.ts';
import { PASSWORD, until } from '../../helpers/server.ts';
import { openSiteWorld, type SiteWorld } from './site-world.ts';

const FRESH = 'another quite long password';
const EMAIL = 'founder@example.com';

const testInBrowser = createBrowserTest(test);

let site: SiteWorld;
test.before(async () => {
  if (findChromium() !== null) {
    site = await openSiteWorld();
  }
});
test.after.always(() => site?.close());

/** The newest link that was mailed to the address. */
async function mailedLink(from: number): Promise<string> {
  const mail = await until(
    async () => site.service.mails.slice(from).findLast(({ to, link }) => to === EMAIL && link !== null),
    (found) => found !== undefined,
  );
  const url = new URL(mail?.link ?? '');
  url.port = String(site.service.port);
  return url.href;
}

testInBrowser(
  'a new user signs up, activates, logs in and resets a forgotten password',
  async (t, browser) => {
    const stopWorker = await site.startWorker();
    t.teardown(stopWorker);
    // The journey itself runs without scripts, and with the pages' own policy.
    const user = await browser.newContext({ javaScriptEnabled: false });
    const viewer = await browser.newContext({ bypassCSP: true });
    const view = await viewer.newPage();
    const page = await user.newPage();
    const refused: string[] = [];
    page.on('console', (message) => refused.push(message.text()));
    const port = site.service.port;

    /** Checks the page as it is shown. */
    const look = async (name: string): Promise<void> => {
      const content = await page.content();
      const url = page.url();
      await viewer.unroute('**/*');
      await viewer.route(
        (requested) => requested.href === url,
        (route) => route.fulfill({ contentType: 'text/html', body: content }),
      );
      await view.goto(url);
      t.deepEqual(await findFaults(view, `site-${name}`), []);
    };
    const heading = async (text: RegExp, at: Page = page): Promise<void> => {
      t.regex((await at.textContent('h1')) ?? '', text);
    };

    await page.goto(`http://localhost:${port}/`);
    await look('landing');
    await page.click('main a[href="/signup"]');
    await look('sign-up');
    await page.fill('[name=name]', 'Founders & <b>Co</b>');
    await page.fill('[name=slug]', 'acme');
    await page.fill('[name=email]', EMAIL);
    await page.fill('[name=password]', PASSWORD);
    await page.click('main button');
    await look('sign-up with an error');
    t.regex((await page.textContent('#slug-fault')) ?? '', /already taken/);
    await page.fill('[name=slug]', 'founders');
    await page.fill('[name=password]', PASSWORD);
    await page.click('main button');
    await heading(/Check your mail/);

    await page.goto(await mailedLink(0));
    await look('confirmation');
    await page.click('main button');
    // The page loads itself again until then.
    await page.waitForSelector('h1:text("is ready")');
    await look('ready');
    await page.click('main a.button');
    await heading(/Log in/);
    t.is(new URL(page.url()).host, `founders.localhost:${port}`);
    await look('login');
    await page.fill('[name=username]', EMAIL);
    await page.fill('[name=password]', 'wrong');
    await page.click('main button');
    await look('login with an error');
    await page.fill('[name=password]', PASSWORD);
    await page.click('main button');
    await heading(/Your account/);
    await look('account');
    await page.click('main a[href="/account/password"]');
    await look('password');
    await page.goBack();
    await page.click('main button');
    t.regex((await page.textContent('[role=status]')) ?? '', /logged out/);

    const sent = site.service.mails.length;
    await page.click('main a[href="/password/reset"]');
    await look('reset');
    await page.fill('[name=email]', EMAIL);
    await page.click('main button');
    await look('check your mail');
    const link = await mailedLink(sent);
    await page.goto(link);
    await look('new password');
    await page.fill('[name=new_password]', FRESH);
    await page.click('main button');
    t.regex((await page.textContent('[role=status]')) ?? '', /password was changed/);
    await page.fill('[name=username]', EMAIL);
    await page.fill('[name=password]', FRESH);
    await page.click('main button');
    await heading(/Your account/);
    await page.goto(link);
    await heading(/not valid/);
    await look('link that was used');
    await page.goto(`http://founders.localhost:${port}/nowhere`);
    await look('error');
    await page.goto(`http://localhost:${port}/workspaces`);
    await look('find my workspace');
    t.deepEqual(
      refused.filter((text) => /Content Security Policy/.test(text)),
      [],
      'the policy refuses nothing of a page',
    );
    t.deepEqual(site.service.bugs, []);
  },
);
