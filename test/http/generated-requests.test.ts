import test from 'ava';

import { servedProject } from '../fixture-app/served-project.ts';
import fc from '../helpers/fast-check.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const ACME = 'acme.localhost';

/** Generated requests of one operation. */
const RUNS = 6;
const TIME_LIMIT_MS = 60_000;

type Schema = Readonly<{
  $ref?: string;
  type?: string;
  format?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
}>;
type Parameter = Readonly<{ name: string; in: string; schema: Schema }>;
type Operation = Readonly<{
  parameters?: readonly Parameter[];
  requestBody?: Readonly<{ content: Readonly<Record<string, Readonly<{ schema: Schema }>>> }>;
}>;

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann', { isSuperuser: true });
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

/** Returns values that a schema of the document describes, and some that break its limits. */
function valuesOf(schema: Schema, components: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const { $ref, anyOf, type, format, properties, items } = schema;
  if ($ref) {
    return valuesOf(components[$ref.split('/').at(-1) ?? ''] ?? {}, components);
  }
  if (anyOf) {
    return fc.oneof(...anyOf.map((each) => valuesOf(each, components)));
  }
  if (schema.enum ?? schema.const !== undefined) {
    return fc.constantFrom(...(schema.enum ?? [schema.const]));
  }
  switch (type) {
    case 'string':
      return format === 'email'
        ? fc.emailAddress()
        : format === 'date-time'
          ? fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
          : fc.oneof(fc.string(), fc.string({ unit: 'binary' }));
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 3 }), fc.maxSafeInteger());
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valuesOf(items ?? {}, components), { maxLength: 3 });
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries(properties ?? {}).map(([name, each]) => [name, valuesOf(each, components)]),
        ),
        { requiredKeys: [...(schema.required ?? [])] },
      );
    default:
      return fc.jsonValue();
  }
}

/** Returns bodies that a schema describes, with fields of other types, and any other JSON. */
function bodiesOf(schema: Schema, components: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const valid = valuesOf(schema, components);
  const changed = fc
    .tuple(valid, fc.string(), fc.jsonValue())
    .map(([body, name, value]) =>
      typeof body === 'object' && body !== null
        ? { ...body, [Object.keys(body)[name.length % Object.keys(body).length] ?? name]: value }
        : value,
    );
  return fc.oneof({ weight: 3, arbitrary: valid }, { weight: 2, arbitrary: changed }, fc.jsonValue());
}

test('no generated request of an operation causes a bug or a response outside the document', async (t) => {
  t.timeout(3 * TIME_LIMIT_MS);
  const { body: document } = await service.request(ACME, 'GET', '/api/openapi.json');
  const components: Readonly<Record<string, Schema>> = document.components.schemas;
  let token = await service.logIn(ACME, 'ann', PASSWORD);
  for (const [template, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries(methods)) {
      const schema = requestBody?.content['application/json']?.schema;
      const request = fc.record({
        parameters: fc.record(
          Object.fromEntries(parameters.map(({ name, schema }) => [name, valuesOf(schema, components)])),
        ),
        body: schema ? bodiesOf(schema, components) : fc.constant(undefined),
        isAnonymous: fc.nat(5).map((number) => number === 0),
      });
      const send = async ({
        parameters: values,
        body,
        isAnonymous,
      }: typeof request extends fc.Arbitrary<infer T> ? T : never) => {
        const textOf = (name: string) => encodeURIComponent(String(values[name]).toWellFormed());
        const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => textOf(name));
        const query = parameters
          .filter((parameter) => parameter.in === 'query')
          .map(({ name }) => `${name}=${textOf(name)}`)
          .join('&');
        const answer = await service.request(ACME, method.toUpperCase(), `${path}?${query}`, {
          ...(isAnonymous ? {} : { token }),
          ...(body === undefined ? {} : { body }),
        });
        if (answer.status === 401 && !isAnonymous) {
          // The request has ended the session.
          token = await service.logIn(ACME, 'ann', PASSWORD);
        }
        return answer.status;
      };
      await fc.assert(
        fc.asyncProperty(request, async (given) => (await send(given)) < 500),
        { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
      );
    }
  }
  t.deepEqual(service.bugs, []);
});
