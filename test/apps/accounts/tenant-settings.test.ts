import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';

import type { AccountSettings } from '../../../src/apps/accounts/settings.ts';
import { readConfig } from '../../../src/config/config.ts';
import { rate, rateText } from '../../../src/tenancy/registry/setting-fields.ts';
import {
  effectiveSettings as effective,
  parseOverrides as parse,
  settingsSchemaOf,
} from '../../../src/tenancy/registry/tenant-settings.ts';
import { project } from './project.ts';

const schema = settingsSchemaOf(project);
const parseDefaults = (given: Record<string, string>): AccountSettings =>
  z.object(schema.shape).parse(given) as AccountSettings;
const effectiveSettings = (...given: [AccountSettings, { isSite: boolean }, Record<string, unknown>]) =>
  effective(schema, ...given);
const parseOverrides = (given: Record<string, unknown>) => parse(schema, given);

const ENV = {
  DATABASE_URL: 'postgres://app@localhost/app',
  APP_SECRET: 'Zk3vQ8rT1mXw7LpB5nYc9HdJ2sFg6KeU',
  TENANCY_KEYS: 'k:Zk3vQ8rT1mXw7LpB5nYc9HdJ2sFg6KeU',
};
const message = (env: Record<string, string>): string =>
  ((): string => {
    try {
      readConfig(project, { ...ENV, ...env });
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  })();

test('rejects a misspelled setting and suggests the right name', (t) => {
  t.regex(
    message({ SEND_ACTIVATION_EMIAL: 'true' }),
    /SEND_ACTIVATION_EMIAL is not a setting; did you mean SEND_ACTIVATION_EMAIL\?/,
  );
  t.regex(message({ ACCESS_TOKENS_LIFETIME: '300' }), /did you mean ACCESS_TOKEN_LIFETIME\?/);
});

test('rejects a Djoser or SimpleJWT setting that is not supported', (t) => {
  for (const name of ['SIGNING_KEY', 'CHECK_REVOKE_TOKEN', 'PASSWORD_RESET_SHOW_EMAIL_NOT_FOUND']) {
    t.regex(message({ [name]: 'x' }), new RegExp(`${name} is not supported`));
  }
});

test('rejects a limit of one tenant in the environment', (t) => {
  t.regex(
    message({ USERS_LIMIT: '5' }),
    /USERS_LIMIT is a limit of one tenant: set it with `tenants settings`/,
  );
  t.is(message({ USERS_LIMIT: '' }), '');
});

test('ignores variables that are not settings', (t) => {
  t.is(message({ PATH: '/bin', HOME: '/', MY_OWN_VARIABLE: 'x', LEEWAYS: 'x', npm_config_cache: 'x' }), '');
});

test('a row of a tenant overrides the environment, as JSON or as text', (t) => {
  const defaults = parseDefaults({ ACCESS_TOKEN_LIFETIME: '60' });
  const tenant = { isSite: false };
  t.is(effectiveSettings(defaults, tenant, {}).ACCESS_TOKEN_LIFETIME, 60);
  t.is(effectiveSettings(defaults, tenant, { ACCESS_TOKEN_LIFETIME: 90 }).ACCESS_TOKEN_LIFETIME, 90);
  t.is(effectiveSettings(defaults, tenant, { ACCESS_TOKEN_LIFETIME: '90' }).ACCESS_TOKEN_LIFETIME, 90);
  t.true(effectiveSettings(defaults, tenant, { AUTH_COOKIES: true }).AUTH_COOKIES);
  t.false(effectiveSettings(defaults, tenant, { HIDE_USERS: 'false' }).HIDE_USERS);
});

test('registration is off on the public site unless its row enables it', (t) => {
  const defaults = parseDefaults({ ALLOW_REGISTRATION: 'true' });
  t.false(effectiveSettings(defaults, { isSite: true }, {}).ALLOW_REGISTRATION);
  t.true(effectiveSettings(defaults, { isSite: true }, { ALLOW_REGISTRATION: true }).ALLOW_REGISTRATION);
});

test('reports every fault of a row', (t) => {
  const error = t.throws(() =>
    parseOverrides({ NO_SUCH: 1, LEEWAY: 'long', HIDE_USERS: null, AUTH_COOKIES: [] }),
  );
  for (const name of ['NO_SUCH', 'LEEWAY', 'HIDE_USERS', 'AUTH_COOKIES']) {
    t.true(error?.message.includes(name), name);
  }
  for (const name of ['__proto__', 'constructor', 'toString']) {
    t.throws(() => parseOverrides(JSON.parse(`{"${name}": "x"}`)), undefined, name);
  }
});

test('writes a rate in the form in which it is read', (t) => {
  for (const text of ['10/m', '5/h', '1/d', '3/s', 'off']) {
    t.is(rateText(rate('off').parse(text)), text);
  }
  t.deepEqual(rate('off').parse('10/minute'), { points: 10, seconds: 60 });
  for (const bad of ['', '10', '0/min', '10/week', '-1/s', '1.5/s', '10/ min']) {
    t.false(rate('off').safeParse(bad).success, bad);
  }
});

test('docs/accounts.md lists every setting with its default, and no other', async (t) => {
  const text = await readFile(path.join(import.meta.dirname, '../../../docs/accounts.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| `?([^`|]*?)`? \|/gm)].map(
    ([, name = '', value = '']) => [name, value],
  );
  const defaults = parseDefaults({});
  t.deepEqual(
    Object.fromEntries(rows),
    Object.fromEntries(
      Object.keys(schema.shape).map((name) => {
        const value = defaults[name as keyof AccountSettings];
        if (Array.isArray(value)) {
          return [name, value.join(' ')];
        }
        const isRate = value === null || typeof value === 'object';
        return [name, isRate ? rateText(value as Parameters<typeof rateText>[0]) : String(value)];
      }),
    ),
  );
});
