import test from 'ava';

import { DomainError } from '../../src/errors.ts';
import {
  domainName,
  parseDomainName,
  parseSchemaName,
  schemaName,
  tenantId,
} from '../../src/tenancy/registry/tenant.ts';
import fc from '../helpers/fast-check.ts';

const badSchema = { instanceOf: DomainError, code: 'schema_name_invalid' } as never;
const badDomain = { instanceOf: DomainError, code: 'domain_invalid' } as never;

// The database has the same rules: registry.sql, tenants__schema_name_form and domains__domain_form.
const schemaByDatabase = (name: string): boolean =>
  /^[a-z][a-z0-9_]{0,47}$/.test(name) &&
  !name.endsWith('\n') &&
  !name.startsWith('pg_') &&
  !['public', 'tenancy', 'tenancy_migrations', 'information_schema', 'site'].includes(name);
const domainByDatabase = (name: string): boolean =>
  name.length <= 253 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);

const odd = fc.constantFrom(
  'a',
  'Z',
  '0',
  '_',
  '-',
  '.',
  ' ',
  '"',
  "'",
  ';',
  '\n',
  '\0',
  'é',
  'ß',
  'K',
  'İ',
  '|',
  '/',
);

test('accepts a schema name if and only if the registry accepts it', (t) => {
  const nearly = fc.array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom('a', 'b', '1', '_') }, odd), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(nearly, (letters) => {
      const name = letters.join('');
      return schemaName.safeParse(name).success === schemaByDatabase(name);
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test('an accepted schema name needs no quotes and is unchanged', (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z][a-z0-9_]{0,47}$/), (name) => {
      fc.pre(schemaByDatabase(name));
      return parseSchemaName(name) === name;
    }),
  );
  t.pass();
});

for (const name of [
  'public',
  'tenancy',
  'tenancy_migrations',
  'information_schema',
  'site',
  'pg_temp',
  'pg_acme',
  'pg_',
]) {
  test(`rejects the reserved schema name ${name}`, (t) => {
    t.throws(() => parseSchemaName(name), badSchema);
  });
}

for (const name of [
  '',
  'Acme',
  '1acme',
  '_acme',
  'ac me',
  'ac-me',
  'acme\n',
  'acmé',
  'a'.repeat(49),
  'acme"; drop',
  'acme,globex',
]) {
  test(`rejects the schema name ${JSON.stringify(name.slice(0, 20))}`, (t) => {
    t.throws(() => parseSchemaName(name), badSchema);
  });
}

test('accepts a schema name of at most 48 letters', (t) => {
  t.notThrows(() => parseSchemaName('a'.repeat(48)));
});

test('accepts a domain if and only if the registry accepts it in lowercase', (t) => {
  const nearly = fc.array(
    fc.oneof({ weight: 8, arbitrary: fc.constantFrom('a', 'B', '1', '-', '.', 'x') }, odd),
    {
      maxLength: 70,
    },
  );
  fc.assert(
    fc.property(nearly, (letters) => {
      const name = letters.join('');
      const result = domainName.safeParse(name);
      return (
        result.success === domainByDatabase(name.toLowerCase()) &&
        (!result.success || domainByDatabase(result.data))
      );
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test('compares domains case-insensitively', (t) => {
  fc.assert(
    fc.property(fc.domain(), (name) => {
      fc.pre(domainByDatabase(name.toLowerCase()));
      return parseDomainName(name.toUpperCase()) === parseDomainName(name);
    }),
  );
  t.pass();
});

for (const name of [
  '',
  '.',
  'acme.',
  '.acme',
  'acme..example',
  '-acme.example',
  'acme-.example',
  'ac_me.example',
  'acme.example:443',
  'https://acme.example',
  'acme.example/path',
  'user@acme.example',
  '127.0.0.1',
  '[::1]',
  'acme.example\n',
  ' acme.example',
  'bücher.example',
  `${'a'.repeat(64)}.example`,
  `${'a.'.repeat(127)}com`,
]) {
  test(`rejects the domain ${JSON.stringify(name.slice(0, 24))}`, (t) => {
    t.throws(() => parseDomainName(name), badDomain);
  });
}

for (const name of [
  'localhost',
  'acme.localhost',
  'xn--bcher-kva.example',
  'a.b',
  '1.example',
  'a-b.c-d',
  `${'a'.repeat(63)}.example`,
]) {
  test(`accepts the domain ${JSON.stringify(name.slice(0, 24))}`, (t) => {
    t.is(String(parseDomainName(name)), name);
  });
}

test('accepts only a UUID as a tenant id', (t) => {
  t.true(tenantId.safeParse('0b0e7a3c-4a52-4c1b-9a64-9a3f0d0f5a11').success);
  for (const text of [
    '',
    'acme',
    "0b0e7a3c-4a52-4c1b-9a64-9a3f0d0f5a11'",
    '0b0e7a3c4a524c1b9a649a3f0d0f5a11|x',
  ]) {
    t.false(tenantId.safeParse(text).success, text);
  }
});
