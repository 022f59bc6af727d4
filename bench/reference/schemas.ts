/**
 * The server that fleet.ts compares the service with: a schema for each tenant without any wall. A superuser reads
 * qualified names, with a prepared statement for each schema and query, and without a transaction.
 *
 * All requests of a tenant use the same connection, which has prepared the statements of the tenant.
 */
import jwt from '@fastify/jwt';
import fastify from 'fastify';
import pg from 'pg';

const { DATABASE_URL = '', JWT_SECRET = '', POOL_SIZE, PORT } = process.env;

// As a number, as the service returns it.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const clients = await Promise.all(
  Array.from({ length: Number(POOL_SIZE) }, async () => {
    const client = new pg.Client({
      connectionString: DATABASE_URL,
      application_name: 'reference',
      pipeline: true,
    });
    await client.connect();
    return client;
  }),
);

type Tenant = Readonly<{ client: pg.Client; schema: string }>;
const { rows: known } = await (clients[0] as pg.Client).query<{ domain: string; schema: string }>(
  `select d.domain, t.schema_name as schema
   from public.domains as d
   join public.tenants as t on t.id = d.tenant_id
   order by t.created_at, t.id`,
);
const tenants = new Map<string, Tenant>(
  known.map(({ domain, schema }, index) => [
    domain,
    { client: clients[index % clients.length] as pg.Client, schema },
  ]),
);

const app = fastify();
await app.register(jwt, { secret: JWT_SECRET });
app.addHook('onRequest', (request) => request.jwtVerify());

type Token = Readonly<{ host: string; user: number; family: string }>;

app.get<{ Params: { id: string } }>('/api/projects/:id/', async (request, reply) => {
  const { host, user, family } = request.user as Token;
  const tenant = tenants.get(request.hostname);
  if (!tenant || host !== request.hostname) {
    return reply.code(401).send({ detail: 'Token is invalid' });
  }
  const { client, schema } = tenant;
  const checked = await client.query({
    name: `user ${schema}`,
    text: `select u.is_active
           from ${schema}.users as u
           join ${schema}.sessions as s on s.user_id = u.id
           where u.id = $1
             and s.family = $2`,
    values: [user, family],
  });
  if (!checked.rows[0]?.is_active) {
    return reply.code(401).send({ detail: 'User not found' });
  }
  const { rows } = await client.query({
    name: `project ${schema}`,
    text: `select id, name, description, created_at from ${schema}.projects where id = $1`,
    values: [request.params.id],
  });
  return rows[0] ?? reply.code(404).send({ detail: 'Not found.' });
});

console.log(await app.listen({ host: '127.0.0.1', port: Number(PORT) }));
process.once('SIGTERM', () => process.exit());
