import type { ExecutionContext } from 'ava';

import { type Answer, PASSWORD, type TestService, until } from '../../helpers/server.ts';
import { mailedToken, type SiteWorld } from './site-world.ts';

export const SITE = 'localhost';

export type SignUpClient = ReturnType<typeof createSignUpClient>;

/** Creates functions that sign up tenants at the public site. */
export function createSignUpClient(site: SiteWorld) {
  const given = (slug: string, further: object = {}) => ({
    name: `The ${slug} team`,
    slug,
    email: `${slug}@example.com`,
    password: PASSWORD,
    ...further,
  });

  const post = (path: string, body: object, on: TestService = site.service): Promise<Answer> =>
    on.request(SITE, 'POST', path, { body });

  const signUp = (slug: string, further: object = {}, on: TestService = site.service): Promise<Answer> =>
    post('/api/signup/', given(slug, further), on);

  /** The secret of the mail to an address. */
  const tokenOf = async (address: string): Promise<string> =>
    (await until(
      async () => mailedToken(site.service, address),
      (found) => found !== undefined,
    )) ?? '';

  /** Confirms a sign-up. On a loaded machine, the response may be 202 first. */
  const confirm = (body: object): Promise<Answer> =>
    until(
      () => post('/api/signup/confirm/', body),
      ({ status }) => status !== 202,
    );

  /** Runs `work` while a worker creates tenants. */
  async function withWorker<T>(t: ExecutionContext, work: () => Promise<T>): Promise<T> {
    const stop = await site.startWorker();
    t.teardown(stop);
    try {
      return await work();
    } finally {
      await stop();
    }
  }

  const rowsOf = (slug: string) =>
    site.world.asOwner<{ state: string; owner: unknown }>(
      `select state, owner from site.signups where slug = $1`,
      [slug],
    );

  return { given, post, signUp, tokenOf, confirm, withWorker, rowsOf };
}
