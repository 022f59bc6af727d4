import type { Moved } from '../../../src/tenancy/transfer/move/move.ts';
import { type MoveOptions, moveTenant } from '../../../src/tenancy/transfer/move/move-tenant.ts';
import { type Ran, run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';
import { openPremium, type Premium } from './premium.ts';
import { insertVariedRows, installVariedTables } from './varied-tables.ts';

/** A tenant with rows of every kind, and the token of one of its users. */
export type PopulatedTenant = Member &
  Readonly<{
    token: string;
    /** Requests the list of its notes. */
    list: () => Promise<Answer>;
  }>;

/** A world and a second server, `premium`, with a service and commands that use both databases. */
export type TwoDatabases = Readonly<{
  world: World;
  premium: Premium;
  service: TestService;
  databases: Readonly<Record<'main' | 'premium', Premium['database']>>;
  /** Runs a command. */
  tenants: (...args: readonly string[]) => Promise<Ran>;
  /** Moves a tenant, and keeps no copy. */
  move: (schema: string, to: string, options?: Partial<MoveOptions>) => Promise<Moved>;
  /** Creates a tenant with rows of every kind and a logged-in user. Requires `tables`. */
  createPopulated: (schema: string) => Promise<PopulatedTenant>;
  /** Returns the database where main places a tenant. */
  databaseOf: (schema: string) => Promise<unknown>;
  close: () => Promise<void>;
}>;

/**
 * Opens a world and a second database, and starts a service on both.
 *
 * @param tables further statements for the varied tables of every new tenant. Default: no varied tables
 * @param online whether `move` moves online by default
 */
export async function openTwoDatabases({
  tables,
  online = false,
}: {
  tables?: string;
  online?: boolean;
} = {}): Promise<TwoDatabases> {
  const world = await openWorld({ project: servedProject });
  const premium = await openPremium(world);
  if (tables !== undefined) {
    await installVariedTables(world, tables);
    await installVariedTables(premium, tables);
  }
  const service = await serve(world, premium.env);
  const databases = { main: premium.main, premium: premium.database };
  return {
    world,
    premium,
    service,
    databases,
    tenants: (...args) => run('served-cli.ts', args, premium.env),
    move: (schema, to, options) =>
      moveTenant(databases, schema, {
        project: world.fleet.project,
        to,
        online,
        blockSeconds: 60,
        keepDays: 0,
        ...options,
      }),
    createPopulated: async (schema) => {
      const member = await world.provision(schema);
      await insertVariedRows(world, schema);
      await makeUser(world, schema, 'mover');
      const token = await service.logIn(member.host, 'mover', PASSWORD);
      const list = () => service.request(member.host, 'GET', '/api/notes/?page_size=1', { token });
      return { ...member, token, list };
    },
    databaseOf: async (schema) =>
      (await world.asOwner('select database from public.tenants where schema_name = $1', [schema]))[0]
        ?.database,
    close: async () => {
      await service.close();
      await premium.close();
      await world.close();
    },
  };
}
