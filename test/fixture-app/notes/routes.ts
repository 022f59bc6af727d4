import type Router from '@koa/router';

import type { RouteDependencies } from '../../../src/definition/dependencies.ts';
import type { State } from '../../../src/http/state.ts';
import { listRoutes } from '../list-routes.ts';

export const routes = ({ stacks, idempotency }: RouteDependencies): Router<State> =>
  listRoutes({ path: '/api/notes', table: 'notes', idempotency }, stacks.paid);
