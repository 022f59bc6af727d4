import { counted } from '../../counted.ts';
import type { CliDeps } from './command.ts';
import type { Progress } from './progress.ts';

export type TableHooks = Readonly<{
  onStart: (tables: number) => void;
  onTable: (table: Readonly<{ name: string; rows: number }>) => void;
}>;

/** Shows the progress of work on the tables of a tenant, and restores the terminal. */
export async function withTableProgress<T>(
  progress: CliDeps['progress'],
  title: string,
  work: (hooks: TableHooks) => Promise<T>,
): Promise<T> {
  let bar: Progress | undefined;
  let left = 0;
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  try {
    return await work({
      onStart: (tables) => {
        bar = progress(title, tables);
        left = tables;
      },
      onTable: ({ name, rows }) => {
        bar?.step(`${name}  ${counted(rows, 'row')}`);
        left -= 1;
        // Later messages are not about tables.
        if (left === 0) {
          stop();
        }
      },
    });
  } finally {
    stop();
  }
}

/** Returns a summary such as "3 rows of 2 tables". */
export const countRows = (tables: ReadonlyArray<Readonly<{ rows: number }>>): string =>
  `${counted(
    tables.reduce((sum, { rows }) => sum + rows, 0),
    'row',
  )} of ${counted(tables.length, 'table')}`;
