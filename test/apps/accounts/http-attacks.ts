import { hiddenFields } from '../../helpers/form-client.ts';
import { attackHttp, found, type HttpAttack } from '../../helpers/http-attacks.ts';
import { PASSWORD } from '../../helpers/server.ts';

const ACME = 'acme.localhost';
const GLOBEX = 'globex.localhost';

const FORM_TOKENS = 'src/http/html/form-tokens.ts';

/** Texts that browsers follow to another host. */
const ELSEWHERE = [
  '//evil.example/',
  '/\\evil.example/',
  'https://evil.example/',
  '/\t/evil.example/',
  '/.//evil.example/',
  'javascript:alert(1)',
];

/** Whether a browser at `host` leaves the host when it follows a Location. */
const leaves = (host: string, location: string | undefined): boolean =>
  location !== undefined && URL.parse(location, `http://${host}`)?.host !== host;

/** Attacks on the pages of accounts. The attacker has a page at acme, and the victim is hank of globex. */
export const httpAttacks: readonly HttpAttack[] = [
  attackHttp({
    id: 'accounts-page-login-csrf',
    name: 'a page of another host cannot log a visitor in with a form of its own',
    rule: { file: FORM_TOKENS, from: 'if (!isRight) {', to: 'if (false as boolean) {' },
    action: async ({ browser }) => {
      const { headers } = await browser(GLOBEX).post('/login', { username: 'hank', password: PASSWORD });
      return found(
        headers['set-cookie']?.some((cookie) => cookie.startsWith('refresh=')) ?? false,
        'a session',
      );
    },
  }),
  attackHttp({
    id: 'accounts-page-foreign-token',
    name: "a form's token and cookie of one tenant are not accepted by another",
    rule: {
      file: FORM_TOKENS,
      from: "tenantKeys(secrets, ctx.state.tenant, 'csrf')",
      to: "tenantKeys(secrets, { ...ctx.state.tenant, id: 'one for all' as never }, 'csrf')",
    },
    action: async ({ browser }) => {
      const attacker = browser(ACME);
      const { csrf_token: token = '' } = hiddenFields((await attacker.get('/login')).text);
      const victim = browser(GLOBEX);
      await victim.submit('/login', { username: 'hank', password: PASSWORD });
      // A page on another subdomain can set a cookie for the common parent domain.
      victim.cookies.set('form', attacker.cookies.get('form') ?? '');
      await victim.post('/logout', { csrf_token: token });
      return found((await victim.get('/account')).status === 303, 'the victim is logged out');
    },
  }),
  attackHttp({
    id: 'accounts-page-cross-site',
    name: 'a form with a stolen token is rejected if another site sends it',
    rule: {
      file: FORM_TOKENS,
      from: 'if (isFromElsewhere(ctx)) {',
      to: 'if (isFromElsewhere(ctx) && (false as boolean)) {',
    },
    action: async ({ browser }) => {
      const victim = browser(GLOBEX);
      await victim.submit('/login', { username: 'hank', password: PASSWORD });
      const { csrf_token: token = '' } = hiddenFields((await victim.get('/account')).text);
      const { status } = await victim.post(
        '/logout',
        { csrf_token: token },
        { Origin: `http://${ACME}`, 'Sec-Fetch-Site': 'same-site' },
      );
      return found(status < 400, 'the victim is logged out');
    },
  }),
  attackHttp({
    id: 'accounts-page-open-redirect',
    name: 'the login sends no browser to another host',
    rule: {
      file: 'src/http/html/page-route.ts',
      from: 'export function localPath(given: unknown, otherwise: string): string {',
      to: "export function localPath(given: unknown, otherwise: string): string {\n  if (typeof given === 'string') return encodeURI(given);",
    },
    action: async ({ browser }) => {
      const followed: string[] = [];
      for (const next of ELSEWHERE) {
        const { headers } = await browser(GLOBEX).submit(`/login?next=${encodeURIComponent(next)}`, {
          username: 'hank',
          password: PASSWORD,
        });
        followed.push(...(leaves(GLOBEX, headers.location) ? [next] : []));
      }
      return found(followed.length > 0, followed.join());
    },
  }),
  attackHttp({
    id: 'accounts-page-script',
    name: 'a page escapes what was sent to it',
    rule: { file: 'src/http/html/html.ts', from: 'escapeHtml(String(value))', to: 'String(value)' },
    action: async ({ browser }) => {
      const { text } = await browser(GLOBEX).submit('/login', {
        username: '"><script>alert(1)</script>',
        password: 'x',
      });
      return found(text.includes('<script>'), 'a script');
    },
  }),
  attackHttp({
    id: 'accounts-page-reset-oracle',
    name: 'the page of a forgotten password does not reveal which addresses have an account',
    leak: 'bit',
    // The worker of the mail looks for the address later: the page itself knows nothing.
    rule: null,
    action: async ({ browser, guess }) => {
      const { status, text } = await browser(GLOBEX).submit('/password/reset', { email: guess });
      return { status, text };
    },
  }),
  attackHttp({
    id: 'accounts-page-login-oracle',
    name: 'the login does not reveal which users exist',
    leak: 'bit',
    rule: {
      file: 'src/apps/accounts/pages/session-pages.ts',
      from: ": 'The login name or the password is wrong, or the account is not active.'",
      to: `: \`\${readLogin(ctx, settings).login === "hank" ? "wrong password" : "wrong name"}\``,
    },
    action: async ({ browser, guess }) => {
      const [username = ''] = guess.split('@');
      const { status, text } = await browser(GLOBEX).submit('/login', { username, password: 'wrong' });
      return { status, text: text.replaceAll(username, '<name>') };
    },
  }),
];
