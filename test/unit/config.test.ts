import test from 'ava';
import type { AccountEnvironment } from '../../src/apps/accounts/settings.ts';
import { configNames, readConfig as read } from '../../src/config/config.ts';
import { DomainError } from '../../src/errors.ts';
import { servedProject } from '../fixture-app/served-project.ts';

const readConfig = (env: Record<string, string | undefined>) =>
  read(servedProject, env) as ReturnType<typeof read> & AccountEnvironment;

const enough = {
  DATABASE_URL: 'postgres://app:pass@localhost/app',
  APP_SECRET: 'Zk3vQ8rT1mXw7LpB5nYc9HdJ2sFg6KeU',
  TENANCY_KEYS: 'one:Zk3vQ8rT1mXw7LpB5nYc9HdJ2sFg6KeU',
};
const faults = (env: Record<string, string | undefined>): string => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof DomainError && error.code === 'configuration_invalid') {
      return error.message;
    }
    throw error;
  }
  return '';
};

test('requires three variables, and the rest has defaults', (t) => {
  t.like(readConfig(enough), {
    PORT: 8080,
    BASE_DOMAIN: 'localhost',
    LANES: 2,
    POOL_SIZE: 10,
    TRUST_PROXY: null,
    TENANCY_CONTEXT: 'auto',
    OWNER_DATABASE_URL: undefined,
    EMAIL_FRONTEND_PORT: undefined,
    PASSWORD_HASHERS: undefined,
  });
});

test('sets no default where the machine or the client decides', (t) => {
  const { PASSWORD_HASHERS, EMAIL_FRONTEND_PORT } = readConfig(enough);
  t.deepEqual([PASSWORD_HASHERS, EMAIL_FRONTEND_PORT], [undefined, undefined]);
  t.is(readConfig({ ...enough, PASSWORD_HASHERS: '2' }).PASSWORD_HASHERS, 2);
  t.regex(faults({ ...enough, PASSWORD_HASHERS: '65' }), /PASSWORD_HASHERS must be a whole number/);
});

test('treats an empty variable as missing', (t) => {
  const empty = Object.fromEntries(configNames(servedProject).map((name) => [name, '']));
  t.deepEqual(readConfig({ ...empty, ...enough }), readConfig(enough));
  t.regex(faults(empty), /DATABASE_URL is not set/);
});

test('ignores an unknown variable', (t) => {
  t.deepEqual(readConfig({ ...enough, SOMETHING: 'else' }), readConfig(enough));
});

for (const [name, values] of [
  ['DATABASE_URL', ['nonsense', 'http://localhost/app', 'mysql://localhost/app']],
  ['OWNER_DATABASE_URL', ['nonsense']],
  ['LISTEN_DATABASE_URL', ['nonsense']],
  [
    'DATABASES',
    [
      'premium',
      'premium=',
      '=postgres://localhost/app',
      'Premium=postgres://localhost/app',
      'main=postgres://localhost/app',
      'a=postgres://localhost/app,a=postgres://localhost/app',
      'a=http://localhost/app',
    ],
  ],
  ['OWNER_DATABASES', ['premium']],
  ['APP_SECRET', ['x'.repeat(31)]],
  ['APP_SECRET_PREVIOUS', ['short']],
  ['TENANCY_KEYS', ['x', 'a:short', `:${'k'.repeat(32)}`, `a b:${'k'.repeat(32)}`]],
  ['TENANCY_CONTEXT', ['maybe']],
  ['BASE_DOMAIN', ['a b', 'localhost:80', '10.0.0.1']],
  ['PORT', ['-1', '65536', 'http', '1.5', '1e9', ' ', '0x50', '1e3']],
  ['LEEWAY', ['-1', '301', ' ']],
  ['LANES', ['0', '65']],
  ['POOL_SIZE', ['0', 'many']],
  ['LANE_LOGINS', ['app_0', 'app_0:tooshort', 'App:a-password-of-the-lane', 'app_0:a-password-of-the-lane']],
  ['LOG_LEVEL', ['loud']],
  ['CONNECT_TIMEOUT', ['5', '3s']],
  ['STATEMENT_TIMEOUT', ['0']],
  ['DIRECTORY_TTL', ['0']],
  ['ACCESS_TOKEN_LIFETIME', ['0', '-5']],
  [
    'TRUST_PROXY',
    [
      'yes',
      '0',
      '10',
      'TRUE',
      '10.0.0.0/33',
      '300.0.0.1',
      'proxy.example',
      '10.0.0.1,,',
      '10.0.0.1;10.0.0.2',
    ],
  ],
  ['SECURE_HSTS_SECONDS', ['-1', 'a year']],
  ['ALLOW_UNHARDENED', ['on']],
  ['START_CHECK_TENANTS', ['-1', 'all']],
] as const) {
  test(`names an invalid ${name} without its value`, (t) => {
    for (const value of values) {
      const message = faults({ ...enough, [name]: value });
      t.regex(message, new RegExp(`^  ${name} `, 'm'), value);
      t.deepEqual(message.match(/^ {2}[A-Z]/gm)?.length, 1, message);
      if (value.length > 4 && value !== 'nonsense') {
        t.false(message.includes(value), message);
      }
    }
  });
}

test('reports all errors in one message', (t) => {
  const message = faults({ APP_SECRET: 'short', PORT: 'x', LANES: '0' });
  for (const name of ['DATABASE_URL', 'APP_SECRET', 'TENANCY_KEYS', 'PORT', 'LANES']) {
    t.true(message.includes(`  ${name} `), name);
  }
});

test('SECURE_SSL_REDIRECT requires TRUST_PROXY', (t) => {
  t.regex(
    faults({ ...enough, SECURE_SSL_REDIRECT: 'true' }),
    /^ {2}SECURE_SSL_REDIRECT requires TRUST_PROXY/m,
  );
  t.true(readConfig({ ...enough, SECURE_SSL_REDIRECT: 'true', TRUST_PROXY: '1' }).SECURE_SSL_REDIRECT);
});

test('further databases are separated by commas or line breaks, and errors do not contain their URLs', (t) => {
  const url = (host: string): string => `postgres://app:secret=1@${host}/app?x=y`;
  t.deepEqual(
    readConfig({ ...enough, DATABASES: `\n premium=${url('a')},gold=${url('b')}\n\nsilver-2=${url('c')}\n` })
      .DATABASES,
    { premium: url('a'), gold: url('b'), 'silver-2': url('c') },
  );
  t.deepEqual(readConfig(enough).DATABASES, {});
  t.notRegex(faults({ ...enough, DATABASES: 'x=mysql://app:secret@host/app' }), /secret/);
});

test('rejects a misspelled variable with a suggestion', (t) => {
  const complete = {
    DATABASE_URL: 'postgres://app@localhost/app',
    APP_SECRET: 'Wm0Hd8qvT3yXk5uLr2Zs9bNc4fGj7aEp',
    TENANCY_KEYS: 'id:Wm0Hd8qvT3yXk5uLr2Zs9bNc4fGj7aEp',
  };
  for (const [name, meant] of [
    ['POOL_SIZ', 'did you mean POOL_SIZE?'],
    ['STATEMENT_TIMOUT', 'did you mean STATEMENT_TIMEOUT?'],
    ['TENANCY_KEY', 'is not a setting'],
    ['TENANCY_MODE', '.env.example of koa-tenants lists all settings'],
    ['THROTTLE_LOGINS', 'did you mean THROTTLE_LOGIN?'],
    ['OWNER_DATABASE_URI', 'did you mean OWNER_DATABASE_URL?'],
    ['APP_SECRET_FILES', 'is not a setting'],
    ['SECURE_HSTS_SECOND', 'did you mean SECURE_HSTS_SECONDS?'],
    ['SMTP_URI', 'did you mean SMTP_URL?'],
  ] as const) {
    const thrown = t.throws(() => readConfig({ ...complete, [name]: 'hidden' }), undefined, name);
    t.true(thrown?.message.includes(`${name} is not a setting`), thrown?.message);
    t.true(thrown?.message.includes(meant), thrown?.message);
    t.false(thrown?.message.includes('hidden'));
  }
});

test('ignores variables of other programs and variables that name files', (t) => {
  readConfig({
    DATABASE_URL: 'postgres://app@localhost/app',
    APP_SECRET: 'Wm0Hd8qvT3yXk5uLr2Zs9bNc4fGj7aEp',
    TENANCY_KEYS: 'id:Wm0Hd8qvT3yXk5uLr2Zs9bNc4fGj7aEp',
    DATABASE_URI: 'resembles one that is set',
    APP_SECRET_FILE: '',
    DATABASE_PASSWORD_FILE: '/run/secrets/password',
    OTEL_EXPORTER_OTLP_HEADERS: 'x=y',
    PATH: '/bin',
    HOST: 'x',
    PORTS: '1',
    POSTGRES_PASSWORD: 'x',
  });
  t.pass();
});
