import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { start } from '../../cli/run.ts';
import {
  type Answer,
  environmentOf,
  makeUser,
  PASSWORD,
  sendRequest,
  serve,
  until,
} from '../../helpers/server.ts';
import { catchMail } from '../../helpers/smtp.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

// One at a time: every service sends the mail of all tenants of its world.

let world: World;
test.before(async () => {
  world = await openWorld({ project });
});
test.after.always(async () => {
  await world?.close();
});

const MAIN = join(import.meta.dirname, 'main.ts');

type Running = { child: ChildProcess; port: number; output: () => string };

/** Starts the service in a process that can be killed. */
async function run(t: ExecutionContext, overrides: Record<string, string>): Promise<Running> {
  const child = await start(
    MAIN,
    [],
    environmentOf(world, { MAIL_DIR: '', LOG_LEVEL: 'trace', ...overrides }),
  );
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const listening = Promise.withResolvers<number>();
  createInterface(child.stdout).on('line', (line) => {
    output += `${line}\n`;
    const { msg, port } = JSON.parse(line);
    if (msg === 'listening') {
      listening.resolve(port);
    }
  });
  child.once('exit', () => listening.reject(new Error(`The service ended: ${output}`)));
  return { child, port: await listening.promise, output: () => output };
}

async function kill({ child }: Running): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const post = (port: number, host: string, path: string, body: object): Promise<Answer> =>
  sendRequest(port, host, 'POST', `/api/auth/${path}/`, { body });

type Row = { attempts: number; dead: boolean; last_error: string | null; wait: number; due: number };

const outboxOf = ({ schema }: Pick<Member, 'schema'>): Promise<Row[]> =>
  world.asOwner<Row>(`
    select attempts, dead_at is not null as dead, last_error,
      extract(epoch from due_at - now())::double precision as wait,
      extract(epoch from due_at)::double precision as due
    from ${schema}.outbox
    order by id`);

/** Returns the seconds since 1970 of the database's clock. */
async function now(): Promise<number> {
  const [row] = await world.asOwner<{ now: number }>(
    'select extract(epoch from clock_timestamp())::double precision as now',
  );
  return row?.now ?? 0;
}

/** Moves due times back instead of waiting. */
async function makeDue({ id, schema }: Member): Promise<void> {
  await world.asOwner(`update ${schema}.outbox set due_at = now() where dead_at is null`);
  await world.asOwner(
    'update tenancy.due_work set due_at = now(), marked_at = clock_timestamp() where tenant_id = $1',
    [id],
  );
}

/** Starts a server that accepts connections and sends nothing. */
async function silentServer(t: ExecutionContext): Promise<string> {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `smtp://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test.serial('sends a mail that was in progress when the previous process was killed', async (t) => {
  const tenant = await world.provision('killed');
  const first = await run(t, { SMTP_URL: await silentServer(t), SEND_ACTIVATION_EMAIL: 'true' });
  const { status } = await post(first.port, tenant.host, 'users', {
    username: 'ann',
    email: 'ann@killed.example',
    password: PASSWORD,
  });
  t.is(status, 201);
  // It has claimed the mail and waits for a server that does not respond.
  await until(
    () => outboxOf(tenant),
    ([mail]) => mail?.attempts === 1,
  );
  await kill(first);
  t.is((await outboxOf(tenant)).length, 1);

  const catcher = await catchMail();
  t.teardown(catcher.close);
  await makeDue(tenant);
  const service = await serve(world, { SMTP_URL: catcher.url });
  t.teardown(service.close);
  await until(async () => catcher.to('ann@killed.example').length, Boolean);
  t.is(catcher.to('ann@killed.example').length, 1);
  t.deepEqual(
    await until(
      () => outboxOf(tenant),
      (rows) => rows.length === 0,
    ),
    [],
  );
});

test.serial('a service with SMTP_URL sends a mail that an earlier service without it left', async (t) => {
  const tenant = await world.provision('unsent');
  await makeUser(world, tenant.schema, 'ann', { email: 'ann@unsent.example' });
  const without = await serve(world, { MAIL_DIR: '' });
  t.is(
    (await post(without.port, tenant.host, 'users/reset_password', { email: 'ann@unsent.example' })).status,
    204,
  );
  await without.close();
  t.is((await outboxOf(tenant)).length, 1);
  const catcher = await catchMail();
  t.teardown(catcher.close);
  const service = await serve(world, { SMTP_URL: catcher.url });
  t.teardown(service.close);
  t.is(await until(async () => catcher.to('ann@unsent.example').length, Boolean), 1);
});

test.serial('two services never send the same mail twice', async (t) => {
  const tenant = await world.provision('doubled');
  const catcher = await catchMail();
  t.teardown(catcher.close);
  const services = await Promise.all([
    serve(world, { SMTP_URL: catcher.url }),
    serve(world, { SMTP_URL: catcher.url }),
  ]);
  for (const service of services) {
    t.teardown(service.close);
  }
  const names = Array.from({ length: 12 }, (_, at) => `user${at}`);
  for (const name of names) {
    await makeUser(world, tenant.schema, name, { email: `${name}@doubled.example` });
  }
  await Promise.all(
    names.map((name, at) =>
      services[at % 2]?.request(tenant.host, 'POST', '/api/auth/users/reset_password/', {
        body: { email: `${name}@doubled.example` },
      }),
    ),
  );
  const left = await until(
    () => outboxOf(tenant),
    (rows) => rows.length === 0,
  );
  t.deepEqual(left, []);
  t.deepEqual(
    catcher.mails.flatMap(({ to }) => to).sort(),
    names.map((name) => `${name}@doubled.example`).sort(),
  );
});

test.serial(
  'a permanently rejected recipient becomes a dead letter without a retry, and delays no other mail',
  async (t) => {
    const tenant = await world.provision('refused');
    const catcher = await catchMail({
      refuse: (to) =>
        to === 'gone@refused.example'
          ? { code: 550, message: 'No such user' }
          : to === 'full@refused.example'
            ? { code: 452, message: 'Mailbox full' }
            : null,
    });
    t.teardown(catcher.close);
    const service = await serve(world, { SMTP_URL: catcher.url });
    t.teardown(service.close);
    for (const name of ['gone', 'full', 'ann']) {
      const email = `${name}@refused.example`;
      await makeUser(world, tenant.schema, name, { email });
      await service.request(tenant.host, 'POST', '/api/auth/users/reset_password/', { body: { email } });
    }
    t.is(await until(async () => catcher.to('ann@refused.example').length, Boolean), 1);
    const rows = await until(
      () => outboxOf(tenant),
      (found) => found.length === 2 && found.every(({ last_error }) => last_error !== null),
    );
    t.like(rows[0], { attempts: 1, dead: true });
    t.like(rows[1], { attempts: 1, dead: false });
    t.regex(String(rows[0]?.last_error), /550/);
    t.true(service.warnings.some((warning) => warning.includes('mail')));
  },
);

test.serial(
  'retries with increasing delays while the mail server is down, and gives up in the end',
  async (t) => {
    const tenant = await world.provision('away');
    const email = 'ann@away.example';
    await makeUser(world, tenant.schema, 'ann', { email });
    const service = await serve(world, { SMTP_URL: 'smtp://127.0.0.1:1' });
    t.teardown(service.close);
    const requestedAt = await now();
    await service.request(tenant.host, 'POST', '/api/auth/users/reset_password/', { body: { email } });
    const attempted = (count: number) =>
      until(
        () => outboxOf(tenant),
        // While an attempt is in progress, it is due in two minutes.
        ([mail]) => mail?.attempts === count && mail.last_error !== null && (mail.dead || mail.wait <= 60),
      );
    const [first] = await attempted(1);
    t.like(first, { attempts: 1, dead: false });
    t.true(first !== undefined && first.due - requestedAt > 29.9 && first.wait <= 30);
    const repeatedAt = await now();
    await makeDue(tenant);
    const [second] = await attempted(2);
    t.true(second !== undefined && second.due - repeatedAt > 59.9 && second.wait <= 60);

    await world.asOwner(`update ${tenant.schema}.outbox set attempts = 11`);
    await makeDue(tenant);
    const [last] = await until(
      () => outboxOf(tenant),
      ([mail]) => mail?.dead === true,
    );
    t.like(last, { attempts: 12, dead: true });
    // A mail that has finally failed is no longer due.
    t.deepEqual(
      await until(
        () =>
          world.asOwner(`select from tenancy.due_work where tenant_id = $1 and kind = 'mail'`, [tenant.id]),
        (rows) => rows.length === 0,
      ),
      [],
    );
    // It lists the tenant for operators, until it is deleted.
    const listed = () =>
      world.asOwner<{ later: boolean }>(
        `select due_at > now() + interval '30 minutes' as later
         from tenancy.due_work where tenant_id = $1 and kind = 'mail_failed'`,
        [tenant.id],
      );
    t.deepEqual(await until(listed, ([row]) => row?.later === true), [{ later: true }]);
    await world.asOwner(`delete from ${tenant.schema}.outbox`);
    await makeDue(tenant);
    t.deepEqual(await until(listed, (rows) => rows.length === 0), []);
  },
);

test.serial('mail of a tenant in maintenance waits, and is sent afterwards', async (t) => {
  const tenant = await world.provision('resting');
  const email = 'ann@resting.example';
  await makeUser(world, tenant.schema, 'ann', { email });
  const without = await serve(world, { MAIL_DIR: '' });
  await without.request(tenant.host, 'POST', '/api/auth/users/reset_password/', { body: { email } });
  await without.close();
  await world.asOwner(`update public.tenants set status = 'maintenance' where id = $1`, [tenant.id]);
  const catcher = await catchMail();
  t.teardown(catcher.close);
  const service = await serve(world, { SMTP_URL: catcher.url });
  t.teardown(service.close);
  // A later mail of another tenant shows that the outboxes were processed.
  await makeUser(world, 'globex', 'later', { email: 'later@resting.example' });
  await service.request('globex.localhost', 'POST', '/api/auth/users/reset_password/', {
    body: { email: 'later@resting.example' },
  });
  t.is(await until(async () => catcher.to('later@resting.example').length, Boolean), 1);
  t.like((await outboxOf(tenant))[0], { attempts: 0, dead: false });
  await world.asOwner(`update public.tenants set status = 'active' where id = $1`, [tenant.id]);
  t.is(await until(async () => catcher.to(email).length, Boolean), 1);
});

test.serial('neither the log nor any table contains a link, a token or a password', async (t) => {
  const tenant = await world.provision('discreet');
  const catcher = await catchMail();
  t.teardown(catcher.close);
  const running = await run(t, { SMTP_URL: catcher.url, SEND_ACTIVATION_EMAIL: 'true' });
  const { port } = running;
  const email = 'ann@discreet.example';
  await post(port, tenant.host, 'users', { username: 'ann', email, password: PASSWORD });
  const linkIn = (at: number) =>
    /\/([\w-]+)\/([0-9a-z]+-[\w-]{43})/.exec(catcher.to(email)[at]?.raw.replaceAll(/=\r?\n/g, '') ?? '');
  await until(
    async () => catcher.to(email).length,
    (count) => count === 1,
  );
  const [, uid = '', token = ''] = linkIn(0) ?? [];
  t.true(uid !== '' && token !== '');
  t.is((await post(port, tenant.host, 'users/activation', { uid, token })).status, 204);
  await post(port, tenant.host, 'users/reset_password', { email });
  await until(
    async () => catcher.to(email).length,
    (count) => count === 2,
  );
  const [, , reset = ''] = linkIn(1) ?? [];
  t.not(reset, '');
  const { body: pair } = await post(port, tenant.host, 'jwt/create', { username: 'ann', password: PASSWORD });
  const { body: key } = await post(port, tenant.host, 'token/login', { username: 'ann', password: PASSWORD });
  await post(port, tenant.host, 'jwt/refresh', { refresh: pair.refresh });

  const tables = await world.asOwner<{ name: string }>(`
    select format('%I.%I', schemaname, tablename) as name
    from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`);
  let stored = '';
  for (const { name } of tables) {
    const rows = await world.asOwner<{ row: string }>(`select x::text as row from ${name} as x`);
    stored += rows.map(({ row }) => row).join('\n');
  }
  // The search covers the right place.
  t.true(stored.includes(email));
  t.regex(running.output(), /users\/activation/);
  for (const secret of [token, reset, uid, pair.access, pair.refresh, key.auth_token, PASSWORD]) {
    const signature = String(secret).split('.').at(-1) ?? '';
    t.false(stored.includes(signature), 'in a table');
    t.false(running.output().includes(signature), 'in the log');
  }
  t.false(running.output().includes(email));
});
