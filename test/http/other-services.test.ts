import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { defineApp } from '../../src/definition/define-app.ts';
import { defineProject } from '../../src/definition/define-project.ts';
import type { RouteDependencies } from '../../src/definition/dependencies.ts';
import { ApiError } from '../../src/errors.ts';
import { enterTenant } from '../../src/http/enter-tenant.ts';
import { orNotFound, parseIdentifier } from '../../src/http/identifier.ts';
import { createRouter, resource } from '../../src/http/resource.ts';
import type { Handler } from '../../src/http/state.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const note = z.object({ id: z.number(), name: z.string(), description: z.string() }).strict();
const columns = sql.fragment`id, name, description`;

/** The example of docs/apps.md: a call to another service between two short transactions. */
const summarize =
  ({ tenantDatabase }: Pick<RouteDependencies, 'tenantDatabase'>, service: () => string): Handler =>
  async (ctx) => {
    const id = parseIdentifier(ctx.params.id);
    const before = await enterTenant(
      tenantDatabase,
      ctx.state,
      { readOnly: true, whileUnpaid: false },
      (tx) => tx.maybeOne(sql.type(note)`select ${columns} from notes where id = ${id}::bigint`),
    );
    const { description } = orNotFound(before);

    // No transaction is open, and no connection is used.
    const response = await fetch(service(), {
      method: 'POST',
      body: description,
      signal: AbortSignal.timeout(5_000),
    });
    const name = z
      .string()
      .max(255)
      .parse(await response.text());

    const after = await enterTenant(
      tenantDatabase,
      ctx.state,
      { readOnly: false, whileUnpaid: false },
      (tx) =>
        tx.maybeOne(sql.type(note)`
        update notes
        set name = ${name}
        where id = ${id}::bigint
          and description = ${description}
        returning ${columns}
      `),
    );
    if (!after) {
      throw new ApiError('conflict', 'The note was changed while its summary was made.');
    }
    ctx.body = after;
  };

let world: World;
let service: TestService;
let token: string;
/** Called while the other service is asked. */
let meanwhile: () => Promise<unknown> = async () => {};
const other = createServer(async (_request, response) => {
  await meanwhile();
  response.end('summary');
});

test.before(async () => {
  await new Promise<void>((resolve) => {
    other.listen(0, '127.0.0.1', resolve);
  });
  const url = () => `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  const summaries = defineApp({
    name: 'fixture_summaries',
    directory: import.meta.dirname,
    routes: async () => ({
      routes: (dependencies) => {
        const router = createRouter();
        resource(router, '/api/notes/:id/summary', dependencies.stacks.paid.identified, {
          POST: summarize(dependencies, url),
        });
        return router;
      },
    }),
  });
  world = await openWorld({
    project: defineProject({
      apps: [...servedProject.apps, summaries],
      authentication: servedProject.authentication,
    }),
  });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  other.close();
  await world?.close();
});

const ask = (method: string, path: string, body?: unknown) =>
  service.request('acme.localhost', method, path, { token, body });

async function create(): Promise<string> {
  const { body } = await ask('POST', '/api/notes/', { name: 'note', description: 'long text' });
  return `/api/notes/${body.id}/`;
}

test.serial('no transaction is open while another service is asked', async (t) => {
  const path = await create();
  let open: unknown[] = ['not asked'];
  meanwhile = async () => {
    open = await world.asOwner(
      // The service itself uses other connections, for example to look for due mail.
      `select from pg_stat_activity
       where usename = '${world.service}' and xact_start is not null and application_name ~ '^koa-tenants (lane|acme)'`,
    );
  };
  const { status, body } = await ask('POST', `${path}summary/`);
  t.deepEqual([status, body.name, open.length], [200, 'summary', 0]);
});

test.serial('a row that has changed in the meantime is not overwritten', async (t) => {
  const path = await create();
  meanwhile = () => ask('PATCH', path, { description: 'other text' });
  t.is((await ask('POST', `${path}summary/`)).status, 409);
  t.is((await ask('GET', path)).body.name, 'note');
});

test.serial('a user that was deleted in the meantime changes nothing', async (t) => {
  const path = await create();
  meanwhile = () => ask('DELETE', '/api/auth/users/me/', { current_password: PASSWORD });
  t.is((await ask('POST', `${path}summary/`)).status, 401);
  await makeUser(world, 'acme', 'alice');
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  t.is((await ask('GET', path)).body.name, 'note');
});
