import { defineApp } from '../../definition/define-app.ts';
import { member } from './members/member.ts';
import { storedPasswordFault } from './passwords/stored-password.ts';
import { permissionsFault } from './permissions/permissions-fault.ts';
import { environment, settings, unknownSettings } from './settings.ts';
import type { AccountService } from './start.ts';
import { accountsViolations } from './violations.ts';

/** Users, sessions, passwords and mail: Djoser's and SimpleJWT's endpoints. */
export const accounts = defineApp<typeof settings, typeof environment, AccountService>({
  name: 'accounts',
  directory: import.meta.dirname,
  on: ['tenant', 'site'],
  tables: {
    // A fixture that replaces a password ends the user's sessions, as every other change of it does.
    users: {
      model: 'accounts.user',
      fields: member,
      // Users have routes of their own. The admin offers them in the pickers of other models.
      admin: { readOnly: true, hidden: true, search: ['username', 'email'] },
      checks: { password: storedPasswordFault, permissions: permissionsFault },
      incrementedBy: { token_version: 'password' },
      deletes: { when: 'password', rows: { sessions: 'user_id' } },
    },
    sessions: { dump: 'never' },
    refresh_tokens: { dump: 'never' },
    outbox: { dump: 'never' },
    audit_events: { dump: 'original' },
  },
  settings,
  limits: { USERS_LIMIT: 'users' },
  environment,
  freeSettingNames: true,
  unknownSettings,
  // Registration must not create operators.
  siteSettings: { ALLOW_REGISTRATION: false },
  violations: accountsViolations,
  routes: () => import('./routes.ts'),
  menu: [
    { href: '/account', text: 'Account' },
    { href: '/account/password', text: 'Password' },
  ],
  start: async (dependencies) => (await import('./start.ts')).start(dependencies),
  dueWork: ['mail'],
  security: {
    schemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'An access token of `/api/auth/jwt/create/`.',
      },
      token: {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description: 'A key of `/api/auth/token/login/`: `Token <key>`.',
      },
      refreshCookie: {
        type: 'apiKey',
        in: 'cookie',
        name: '__Host-refresh',
        description: 'The refresh token of a browser. Over plain HTTP, the name is `refresh`.',
      },
      csrfToken: {
        type: 'apiKey',
        in: 'header',
        name: 'X-CSRFToken',
        description:
          'The value of the cookie `__Host-csrftoken` (without HTTPS: `csrftoken`). Required with the refresh token in a cookie.',
      },
    },
    alternatives: [{ bearer: [] }, { token: [] }],
  },
  authentication: async (dependencies) =>
    (await import('./sessions/open-authentication.ts')).openAuthentication(dependencies),
  owners: () => import('./owners.ts'),
  commands: () => import('./commands/index.ts'),
  attacks: () => import('./attacks.ts'),
  diagnose: async (configured) => (await import('./diagnose.ts')).diagnose(configured),
  demo: () => import('./demo.ts'),
});
