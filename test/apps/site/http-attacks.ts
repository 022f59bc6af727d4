import { attackHttp, found, type HttpAttack, type HttpFixture } from '../../helpers/http-attacks.ts';
import { type Answer, PASSWORD, type TestService } from '../../helpers/server.ts';

const SITE = 'localhost';

/** The fixture of an attack on the public site. `throttled` has the default limits. */
export type SiteFixture = HttpFixture &
  Readonly<{
    throttled: TestService;
    /** Runs the jobs of the worker once. */
    work: () => Promise<unknown>;
    /** A text that no other sign-up has. */
    unique: () => string;
  }>;

type Further = Readonly<{ name?: string; slug?: string; email?: string }>;

const signUp = (service: TestService, name: string, further: Further = {}): Promise<Answer> =>
  service.request(SITE, 'POST', '/api/signup/', {
    body: { name: 'A team', slug: name, email: `${name}@example.com`, password: PASSWORD, ...further },
  });

const isAccepted = ({ status }: Answer): boolean => status < 300;

/** Returns those of the texts with which a sign-up is accepted. */
async function accepted(
  { service, unique }: SiteFixture,
  texts: readonly string[],
  further: (text: string) => Further,
): Promise<readonly string[]> {
  const all: string[] = [];
  for (const text of texts) {
    all.push(...(isAccepted(await signUp(service, unique(), further(text))) ? [text] : []));
  }
  return found(all.length > 0, all.join());
}

const tenants = async ({ world }: SiteFixture): Promise<number> =>
  (await world.asOwner('select id from public.tenants')).length;

/** Returns the parts of a status URL. */
const keyOf = ({ body }: Answer): readonly [id: string, key: string] => {
  const [id = '', key = ''] = (new URL(body.status_url).pathname.split('/').at(-2) ?? '').split('.');
  return [id, key];
};

/** Attacks on sign-up and on the search for workspaces. */
export const siteAttacks: ReadonlyArray<HttpAttack<SiteFixture>> = [
  // First: without the rules, sign-ups of the others stop the worker.
  attackHttp<SiteFixture>({
    id: 'site-slug-squatting',
    name: 'sign-ups that are not confirmed take no name from others',
    rule: {
      file: 'src/apps/site/sign-up/sign-up.ts',
      from: "const state: NewSignUp['state'] = invitation ? 'waiting' : 'unconfirmed';",
      to: "const state: NewSignUp['state'] = 'waiting';",
    },
    action: async (fixture) => {
      const slug = fixture.unique();
      await signUp(fixture.service, slug, { email: `squatter-of-${slug}@example.com` });
      await fixture.work();
      const taken = await fixture.world.asOwner('select domain from public.domains where domain = $1', [
        `${slug}.${SITE}`,
      ]);
      return found(taken.length > 0, 'the name');
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-signup-csrf',
    name: 'a page of another host cannot send the form of sign-up',
    rule: {
      file: 'src/http/html/form-tokens.ts',
      from: 'if (!isRight) {',
      to: 'if (false as boolean) {',
    },
    action: async ({ browser, unique }) => {
      const slug = unique();
      const { status } = await browser(SITE).post('/signup', {
        name: 'x',
        slug,
        email: `${slug}@example.com`,
        password: PASSWORD,
      });
      return found(status < 400, 'a sign-up');
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-slug-homograph',
    name: 'a name in another script, or in punycode, cannot imitate a tenant',
    rule: {
      file: 'src/apps/site/sign-up/slug.ts',
      from: 'text.length >= SHORTEST && text.length <= LONGEST && /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text)',
      to: 'text.length >= SHORTEST && text.length <= LONGEST',
    },
    action: (fixture) =>
      accepted(
        fixture,
        ['xn--acme-5ve', 'xn--bcher-kva', '\u0430cme', 'glob\u0435x', 'acme.globex', 'a_b'],
        (slug) => ({
          slug,
        }),
      ),
  }),
  attackHttp<SiteFixture>({
    id: 'site-slug-reserved',
    name: 'nobody signs up with a name that imitates the service',
    rule: { file: 'src/apps/site/sign-up/slug.ts', from: 'RESERVED.has(slug) ||', to: '' },
    action: (fixture) =>
      accepted(fixture, ['www', 'api', 'login', 'admin', 'mail', 'autodiscover', 'mta-sts'], (slug) => ({
        slug,
      })),
  }),
  attackHttp<SiteFixture>({
    id: 'site-slug-taken',
    name: "nobody signs up with another tenant's name",
    rule: {
      file: 'src/apps/site/sign-up/sign-up.ts',
      from: `if (await directory.find(\`\${slug}.\${BASE_DOMAIN}\`)) {`,
      to: 'if (!directory && slug === BASE_DOMAIN) {',
    },
    action: (fixture) => accepted(fixture, ['globex', 'GLOBEX'], (slug) => ({ slug })),
  }),
  attackHttp<SiteFixture>({
    id: 'site-signup-spares',
    name: 'a flood of sign-ups that are not confirmed uses no spare and creates no tenant',
    // The same rule as that of the names.
    rule: null,
    action: async (fixture) => {
      const before = await tenants(fixture);
      for (let index = 0; index < 3; index += 1) {
        await signUp(fixture.service, fixture.unique());
      }
      await fixture.work();
      return found((await tenants(fixture)) !== before, 'a tenant');
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-signup-flood',
    name: 'a client that sends many sign-ups is throttled, whatever their addresses',
    rule: {
      file: 'src/apps/site/sign-up/sign-up.ts',
      from: "await throttle.consume('signup', environment.THROTTLE_SIGNUP, attempt);",
      to: '',
    },
    action: async ({ throttled, unique }) => {
      const answers: Answer[] = [];
      for (let index = 0; index < 8; index += 1) {
        const name = unique();
        answers.push(await signUp(throttled, name, { email: `x@${name}.example` }));
      }
      return found(answers.every(isAccepted), 'eight sign-ups');
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-find-flood',
    name: 'the search for workspaces does not fill a mailbox',
    rule: {
      file: 'src/apps/site/find/find-workspaces.ts',
      from: "await dependencies.throttle.consume('reset', dependencies.environment.THROTTLE_FIND_WORKSPACES, {",
      to: "await (async (..._: unknown[]) => {})('reset', dependencies.environment.THROTTLE_FIND_WORKSPACES, {",
    },
    action: async ({ throttled }) => {
      const answers: Answer[] = [];
      for (let index = 0; index < 8; index += 1) {
        answers.push(
          await throttled.request(SITE, 'POST', '/api/workspaces/find/', {
            body: { email: 'victim@example.com' },
          }),
        );
      }
      return found(answers.every(isAccepted), 'eight mails');
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-status-of-another',
    name: "the status URL of another's sign-up cannot be guessed, also by its ID",
    rule: {
      file: 'src/apps/site/sign-up/queries.ts',
      from: `and status_key = \${sql.binary(digest)}`,
      to: `and \${sql.binary(digest)}::bytea is not null`,
    },
    action: async ({ service, unique }) => {
      const [id] = keyOf(await signUp(service, unique()));
      const [, key] = keyOf(await signUp(service, unique()));
      const { status, text } = await service.request(SITE, 'GET', `/api/signup/${id}.${key}/`);
      return found(status === 200, text);
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-confirmation-forged',
    name: "an address is confirmed only with its mailed link, not with the sign-up's ID or its status URL",
    rule: {
      file: 'src/apps/site/sign-up/links.ts',
      from: 'return left.length === other.length && timingSafeEqual(left, other);',
      to: 'return left.length > 0 || timingSafeEqual(left, other);',
    },
    action: async ({ service, unique }) => {
      const [id, key] = keyOf(await signUp(service, unique(), { email: 'foreign@example.com' }));
      const answers: Answer[] = [];
      for (const token of [id, `${id}.${key}`, `${id}.${'A'.repeat(43)}`]) {
        answers.push(await service.request(SITE, 'POST', '/api/signup/confirm/', { body: { token } }));
      }
      return found(answers.some(isAccepted), 'confirmed');
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-mail-header',
    name: 'an address with a line break adds no header and no recipient to a mail',
    rule: {
      file: 'src/http/fields/email.ts',
      from: '(isEmail(given) ? null : INVALID)',
      to: '(isEmail(given) || given.length > 3 ? null : INVALID)',
    },
    action: (fixture) =>
      accepted(
        fixture,
        ['a@example.com\r\nBcc: b@example.com', 'a@example.com, b@example.com', 'a@example.com\u2028b'],
        (email) => ({ email }),
      ),
  }),
  attackHttp<SiteFixture>({
    id: 'site-mail-text',
    name: 'the name of a workspace adds no paragraph to the mail to a foreign address',
    rule: {
      file: 'src/apps/site/sign-up/bodies.ts',
      from: "/[\\p{C}\\p{Zl}\\p{Zp}]/u.test(given) ? 'Control characters are not allowed.' : null",
      to: 'given === "" ? "" : null',
    },
    action: (fixture) =>
      accepted(fixture, ['A team\r\n\r\nYour account is locked.', 'A \u202eteam', 'A\u2028team'], (name) => ({
        name,
      })),
  }),
  attackHttp<SiteFixture>({
    id: 'site-find-oracle',
    name: 'the search for workspaces does not reveal which addresses have an account',
    leak: 'bit',
    // The service cannot read the tenants of other hosts: the worker searches later.
    rule: null,
    action: async ({ service, browser, guess }) => {
      const { status, text } = await service.request(SITE, 'POST', '/api/workspaces/find/', {
        body: { email: guess },
      });
      const page = await browser(SITE).submit('/workspaces', { email: guess });
      return { status, text, page: page.text };
    },
  }),
  attackHttp<SiteFixture>({
    id: 'site-signup-oracle',
    name: 'sign-up does not reveal which addresses have an account',
    leak: 'bit',
    // As above: users belong to their tenants.
    rule: null,
    action: async ({ service, guess, unique }) => {
      const { status, body } = await signUp(service, unique(), { email: guess });
      return { status, names: Object.keys(body) };
    },
  }),
];
