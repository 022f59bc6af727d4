import type pg from 'pg';

import { SESSION_RESET } from '../db/driver/session-reset.ts';

type Open = () => Promise<pg.Client>;

/** Connections without the driver, which serve several attacks one after the other. */
export type SharedConnections = Readonly<{
  /** Returns a connection with a new session, or one that was ended, after its session was reset. */
  open: Open;
  /** Closes the connections that no attack uses. The next attack opens a new one. */
  closeIdle: () => Promise<void>;
  /** Closes the connections that no attack uses. Later, `end` closes a connection. */
  close: () => Promise<void>;
}>;

/** Whether a query succeeds. It fails on a connection that an attack has broken. */
const succeeds = (query: Promise<unknown>): Promise<boolean> =>
  query.then(
    () => true,
    () => false,
  );

/** Starting a process of PostgreSQL and filling its caches costs more than most attacks. */
export function shareConnections(openNew: Open): SharedConnections {
  const idle: { client: pg.Client; close: () => Promise<void> }[] = [];
  let isSharing = true;

  const openOne = async () => {
    const client = await openNew();
    return { client, close: client.end.bind(client) as () => Promise<void> };
  };
  const open: Open = async () => {
    const last = idle.pop();
    if (last && !(await succeeds(last.client.query(SESSION_RESET)))) {
      await last.close();
      return open();
    }
    const { client, close } = last ?? (await openOne());
    const end = async (): Promise<void> => {
      if (isSharing && (await succeeds(client.query('rollback')))) {
        idle.push({ client, close });
      } else {
        await close();
      }
    };
    return Object.assign(client, { end });
  };
  const closeIdle = async (): Promise<void> => {
    await Promise.all(idle.splice(0).map(({ close }) => close()));
  };

  return {
    open,
    closeIdle,
    close: async () => {
      isSharing = false;
      await closeIdle();
    },
  };
}
