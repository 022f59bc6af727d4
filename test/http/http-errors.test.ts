import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import createError from 'http-errors';
import Koa from 'koa';

import { errorHandler } from '../../src/http/middleware/error-handler.ts';
import type { Context, State } from '../../src/http/state.ts';
import { type Answer, sendRequest } from '../helpers/server.ts';

/** Returns the response for a handler that throws, and the reported bugs. */
async function answerOf(
  t: ExecutionContext,
  handler: (ctx: Context) => void,
): Promise<Answer & { bugs: readonly unknown[] }> {
  const bugs: unknown[] = [];
  const app = new Koa<State>();
  app.use(errorHandler({ onBug: (error) => bugs.push(error) }));
  app.use(async (ctx) => handler(ctx as Context));
  const server = app.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const answer = await sendRequest((server.address() as AddressInfo).port, 'localhost', 'GET', '/');
  return { ...answer, bugs };
}

test('returns the status and message of ctx.throw', async (t) => {
  for (const [status, message] of [
    [404, 'Not Found'],
    [400, 'Bad Request'],
    [409, 'Conflict'],
    [418, "I'm a Teapot"],
    [422, 'Unprocessable Entity'],
  ] as const) {
    const plain = await answerOf(t, (ctx) => ctx.throw(status));
    t.deepEqual([plain.status, plain.body, plain.bugs], [status, { detail: message }, []]);
    const response = await answerOf(t, (ctx) => ctx.throw(status, 'No such note.'));
    t.deepEqual([response.status, response.body], [status, { detail: 'No such note.' }]);
  }
});

test('returns the status and message of ctx.assert and of every error of http-errors', async (t) => {
  const asserted = await answerOf(t, (ctx) => ctx.assert(false, 403, 'Not yours.'));
  t.deepEqual([asserted.status, asserted.body], [403, { detail: 'Not yours.' }]);
  const gone = await answerOf(t, () => {
    throw new createError.Gone('It was deleted.');
  });
  t.deepEqual([gone.status, gone.body], [410, { detail: 'It was deleted.' }]);
  const headed = await answerOf(t, () => {
    throw createError(405, 'No.', { headers: { Allow: 'GET' } });
  });
  t.deepEqual([headed.status, headed.headers.allow], [405, 'GET']);
  const unknown = await answerOf(t, (ctx) => ctx.throw(401));
  t.deepEqual([unknown.status, unknown.headers['www-authenticate']], [401, 'Bearer realm="api"']);
});

test('hides the message of a server error, and reports the error', async (t) => {
  for (const status of [500, 502, 503]) {
    const answer = await answerOf(t, (ctx) => ctx.throw(status, 'a secret of ours'));
    t.is(answer.status, status);
    t.false(answer.text.includes('secret'));
    t.is(answer.bugs.length, 1);
  }
  const shown = await answerOf(t, (ctx) => ctx.throw(503, 'Closed until Monday.', { expose: true }));
  t.deepEqual([shown.status, shown.body], [503, { detail: 'Closed until Monday.' }]);
});

test('treats an error that only has a status as a bug', async (t) => {
  const answer = await answerOf(t, () => {
    throw Object.assign(new Error('x'), { status: 404 });
  });
  t.deepEqual([answer.status, answer.body, answer.bugs.length], [500, { detail: 'Internal error.' }, 1]);
});
