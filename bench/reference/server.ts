/**
 * The server that requests.ts compares the service with: what an experienced engineer writes with
 * Fastify, @fastify/jwt and pg when a `tenant_id` and a policy by a setting are the only protection.
 *
 * It has no proof, role, statement check, session reset, limits, metrics or log.
 */
import jwt from '@fastify/jwt';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import pg from 'pg';

const { DATABASE_URL = '', JWT_SECRET = '', POOL_SIZE, PORT } = process.env;
const COLUMNS = 'id, name, description, created_at';

// As a number, as the service returns it.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) });
const { rows: known } = await pool.query<{ id: number; host: string }>('select id, host from tenants');
const tenants = new Map(known.map(({ id, host }) => [host, id]));

const app = fastify();
await app.register(jwt, { secret: JWT_SECRET });
app.addHook('onRequest', (request) => request.jwtVerify());

type Token = Readonly<{ tenant: number; user: number }>;

/** Runs `work` in a transaction of the request's tenant, after a check of its user. */
async function inTenant<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const { tenant, user } = request.user as Token;
  if (tenants.get(request.hostname) !== tenant) {
    return reply.code(401).send({ detail: 'Token is invalid' });
  }
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('app.tenant', $1, true)`, [tenant]);
    const { rows } = await client.query('select is_active from users where id = $1', [user]);
    const result = rows[0]?.is_active ? await work(client) : null;
    await client.query('commit');
    return result ?? reply.code(404).send({ detail: 'Not found.' });
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

type One = { Params: { id: string } };
type List = { Querystring: { page: number } };
type New = { Body: { name: string; description: string } };

app.get<One>('/api/projects/:id/', (request, reply) =>
  inTenant(request, reply, async (client) => {
    const text = `select ${COLUMNS} from projects where id = $1`;
    return (await client.query(text, [request.params.id])).rows[0];
  }),
);

const page = { type: 'object', properties: { page: { type: 'integer', minimum: 1, default: 1 } } };
app.get<List>('/api/projects/', { schema: { querystring: page } }, (request, reply) =>
  inTenant(request, reply, async (client) => {
    const number = request.query.page;
    const { rows } = await client.query(
      `select ${COLUMNS}, (select count(*) from projects) as count
       from projects
       order by id
       limit 20
       offset $1`,
      [(number - 1) * 20],
    );
    const count: number = rows[0]?.count ?? 0;
    const link = (to: number) => `${request.protocol}://${request.host}/api/projects/?page=${to}`;
    return {
      count,
      next: number * 20 < count ? link(number + 1) : null,
      previous: number > 1 ? link(number - 1) : null,
      results: rows.map(({ count: _count, ...row }) => row),
    };
  }),
);

const body = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 255 },
    description: { type: 'string', default: '' },
  },
};
app.post<New>('/api/projects/', { schema: { body } }, (request, reply) =>
  inTenant(request, reply, async (client) => {
    const { name, description } = request.body;
    const text = `insert into projects (name, description) values ($1, $2) returning ${COLUMNS}`;
    const { rows } = await client.query(text, [name, description]);
    void reply.code(201);
    return rows[0];
  }),
);

console.log(await app.listen({ host: '127.0.0.1', port: Number(PORT) }));
process.once('SIGTERM', () => process.exit());
