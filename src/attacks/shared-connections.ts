import type pg from 'pg';

type Open = () => Promise<pg.Client>;

/** Connections without the driver, which may serve several attacks one after the other. */
export type SharedConnections = Readonly<{
  open: Open;
  /** Calls `work`. Meanwhile an ended connection is reset and opened again by the next attack. */
  share: <T>(work: () => Promise<T>) => Promise<T>;
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
  let isSharing = false;

  const open: Open = async () => {
    const last = idle.pop();
    if (last && !(await succeeds(last.client.query('discard all')))) {
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
  const openOne = async () => {
    const client = await openNew();
    return { client, close: client.end.bind(client) as () => Promise<void> };
  };

  return {
    open,
    share: async (work) => {
      isSharing = true;
      try {
        return await work();
      } finally {
        isSharing = false;
        await Promise.all(idle.splice(0).map(({ close }) => close()));
      }
    },
  };
}
