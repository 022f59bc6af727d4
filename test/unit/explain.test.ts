import test from 'ava';

import { explain } from '../../src/cli/framework/explain.ts';
import { DomainError } from '../../src/errors.ts';

const failure = (code: string, message: string) => Object.assign(new Error(message), { code });

for (const [code, message] of [
  ['42P01', 'relation "public.tenants" does not exist'],
  ['42P01', 'relation "tenancy_migrations.shared" does not exist'],
  ['3F000', 'schema "tenancy" does not exist'],
  ['42883', 'function tenancy.enter_owner(unknown) does not exist'],
] as const) {
  test(`explains that the shared schema is not installed: ${message}`, (t) => {
    const explained = explain(failure(code, message), {});
    t.true(explained instanceof DomainError);
    t.regex((explained as DomainError).message, /not installed/);
  });
}

for (const [code, message] of [
  ['42P01', 'relation "acme.notes" does not exist'],
  ['42P01', 'relation "notes" does not exist'],
  ['3F000', 'schema "acme" does not exist'],
  ['42883', 'function label(acme.mood) does not exist'],
  ['42P01', 'relation "acme.tenancy_tenants" does not exist'],
] as const) {
  test(`returns the error of a tenant unchanged: ${message}`, (t) => {
    const error = failure(code, message);
    t.is(explain(error, {}), error);
  });
}
