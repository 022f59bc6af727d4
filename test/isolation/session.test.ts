import test from 'ava';

import { SESSION_RESET } from '../../src/db/session-reset.ts';
import { settle, withTenant } from '../../src/tenancy/with-tenant.ts';
import { type Member, openWorld, type World } from '../helpers/world.ts';
import { CANARY, plant, raw } from './attack.ts';
import { openTappedPool } from './tapped-pool.ts';
import { rewrite, sabotage, type Undo } from './walls.ts';

type Wall = Readonly<{
  name: string;
  /** On the connection: what is sent instead. */
  send?: (text: string) => string;
  /** In the database. */
  down?: (world: World) => Promise<Undo>;
}>;

const reset: Wall = {
  name: 'the session is reset after each transaction',
  send: (text) => (text === SESSION_RESET ? 'select 1' : text),
};

const localSettings: Wall = {
  name: 'path and role end with the transaction',
  send: (text) => (text.includes('tenancy.enter') ? text.replaceAll(', true)', ', false)') : text),
};

const localContext: Wall = {
  name: 'the context ends with the transaction',
  down: async (world) => {
    const undo = [await rewrite(world, 'tenancy.carry(text)', /, true\)/, ', false)')];
    if (world.carrier === 'signed') {
      undo.push(
        await rewrite(world, 'tenancy.current_tenant()', /and v_part\[3\] = extract\([^)]*\(\)\)::text/, ''),
      );
    }
    return async () => {
      for (const build of undo.reverse()) {
        await build();
      }
    };
  },
};

const policy: Wall = { name: 'the policy', down: sabotage.policy };

const noTemp: Wall = {
  name: 'nobody may make temporary tables',
  down: async (world) => {
    const database = new URL(world.ownerUrl).pathname.slice(1);
    await world.asOwner(`grant temporary on database ${database} to public`);
    return async () => {
      await world.asOwner(`revoke temporary on database ${database} from public`);
    };
  },
};

const tempLast: Wall = {
  name: 'pg_temp is the last of the path',
  down: (world) => rewrite(world, 'tenancy.enter(uuid, bigint, text)', `|| ', pg_temp'`, `|| ''`),
};

/** A connection that is lent to one after the other. */
type Connection = Readonly<{
  /** A transaction of a tenant; `sneak` sends any statement at all past wall 0. */
  borrow: <T>(
    member: Member,
    work: (send: (text: string) => Promise<unknown>, sneak: (text: string) => Promise<unknown>) => Promise<T>,
  ) => Promise<T>;
  /** A query outside any tenant, as the directory makes them. */
  outside: (text: string) => Promise<unknown>;
}>;

type Leftover = Readonly<{
  title: string;
  walls: readonly Wall[];
  /** What the one who came later, or the attacker who came back, was told. */
  run: (connection: Connection, world: World) => Promise<unknown>;
}>;

const leftovers: readonly Leftover[] = [
  {
    title: 'the next borrower of a connection is in no tenant',
    walls: [reset, localSettings, localContext],
    run: async ({ borrow, outside }, { globex }) => {
      await borrow(globex, (send) => send('select 1'));
      return outside('select name from projects');
    },
  },
  {
    title: "a role that was set for the session is not the next borrower's",
    walls: [reset, policy],
    run: async ({ borrow, outside }, { globex }) => {
      await borrow(globex, (_send, sneak) => sneak(`set session role ${globex.role}`));
      return outside('select name from globex.projects');
    },
  },
  {
    title: "a cursor that outlives its transaction is not the next borrower's",
    walls: [reset],
    run: async ({ borrow }, { acme, globex }) => {
      await borrow(globex, (_send, sneak) =>
        sneak('declare kept cursor with hold for select name from globex.projects'),
      );
      return borrow(acme, (_send, sneak) => sneak('fetch all from kept'));
    },
  },
  {
    title: 'a temporary table does not come between a tenant and its own table',
    walls: [reset, noTemp, tempLast],
    run: async ({ borrow }, { acme, globex, asOwner }) => {
      await borrow(acme, async (_send, sneak) => {
        await sneak('create temporary table projects (id bigint generated always as identity, name text)');
        await sneak('grant all on pg_temp.projects to public');
      });
      await borrow(globex, (send) => send(`insert into projects (name) values ('${CANARY} three')`));
      const answer = await borrow(acme, (send) => send('select name from pg_temp.projects'));
      await asOwner('delete from globex.projects where id > 2');
      return answer;
    },
  },
];

async function leaks(world: World, { run }: Leftover, down: readonly Wall[]): Promise<boolean> {
  const undo: Undo[] = [];
  try {
    for (const wall of down) {
      if (wall.down) {
        undo.push(await wall.down(world));
      }
    }
    const { pool, clients } = await openTappedPool(world, {
      rewrite: (text) => down.reduce((sent, { send }) => send?.(sent) ?? sent, text),
    });
    undo.push(() => pool.end());
    const gate = { ...world.gate, poolOf: () => pool };
    const told = (error: unknown): unknown => (error as Error).message;
    const answer = await run(
      {
        borrow: (member, work) =>
          withTenant(gate, { tenant: member.id, readOnly: false }, async (tx) => {
            await settle(tx);
            const [client] = clients;
            return work(
              (text) => tx.any(raw(text)),
              async (text) => (await client?.query(text))?.rows,
            );
            // What failed ended its transaction: the next borrower comes all the same.
          }).catch((error: unknown) => told(error) as never),
        outside: (text) => pool.any(raw(text)).catch(told),
      },
      world,
    );
    if (clients.length > 1) {
      // A connection that was given up leaves nothing behind: say so rather than pass for nothing.
      return false;
    }
    return JSON.stringify(answer).includes(CANARY);
  } finally {
    for (const build of undo.reverse()) {
      await build();
    }
  }
}

for (const carrier of ['guarded', 'signed'] as const) {
  let world: World;
  test.serial.before(async () => {
    world = await openWorld({ carrier });
    await plant(world);
  });
  test.after.always(() => world?.close());

  for (const leftover of leftovers) {
    test.serial(`${carrier}: ${leftover.title}`, async (t) => {
      t.false(await leaks(world, leftover, []));
      for (const wall of leftover.walls) {
        const others = leftover.walls.filter((other) => other !== wall);
        t.false(await leaks(world, leftover, others), `"${wall.name}" is enough alone`);
      }
      t.true(await leaks(world, leftover, leftover.walls), 'the test notices when all of them are gone');
    });
  }
}
