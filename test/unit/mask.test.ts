import test from 'ava';

import { mask } from '../../src/cli/commands/operations/doctor/mask.ts';

for (const [name, value, shown] of [
  [
    'DATABASE_URL',
    'postgres://app:s3cret@db:5432/app?sslmode=verify-full&sslrootcert=/ca.pem&sslpassword=s3cret&password=s3cret&options=-c%20x%3Ds3cret',
    'postgres://app:…@db:5432/app?sslmode=verify-full&sslrootcert=/ca.pem&sslpassword=…&password=…&options=…',
  ],
  ['DATABASE_URL', 'postgres://app:a,b=postgres@db/app', 'postgres://app:…@db/app'],
  ['DATABASE_URL', 's3cret', '…'],
  [
    'DATABASES',
    'a=postgres://u:s3,cret@a/x,\nb=postgres://v:s3cret@b/y',
    'a=postgres://u:…@a/x,b=postgres://v:…@b/y',
  ],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'https://user:s3cret@collector:4318/v1?key=s3cret#s3cret',
    'https://…:…@collector:4318/v1?key=…#…',
  ],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://s3cret@collector/v1', 'https://…@collector/v1'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318', 'http://collector:4318/'],
  ['SMTP_URL', 'smtps://me%40x:s3cret@mail/?pass=s3cret', 'smtps://me%40x:…@mail/?pass=…'],
  ['THROTTLE_STORE', 'rediss://:s3cret@redis:6379/0?password=s3cret', 'rediss://:…@redis:6379/0?password=…'],
  ['LANE_LOGINS', 'app_0:s3cret,app_1:s3cr:et', 'app_0:…,app_1:…'],
  ['TENANCY_KEYS', 'one:s3cret,two:s3cret', 'one:…,two:…'],
  ['APP_SECRET', 's3cret', '… (6 characters)'],
  ['BASE_DOMAIN', 'example.com', 'example.com'],
] as const) {
  test(`masks the secret of ${name}=${value}`, (t) => {
    t.is(mask(name, value), shown);
    t.false(mask(name, value).includes('s3'));
  });
}
