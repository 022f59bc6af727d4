import type { CliDeps } from './command.ts';
import type { Progress } from './progress.ts';

export type TableHooks = Readonly<{
  onStart: (tables: number) => void;
  onTable: (table: Readonly<{ name: string; rows: number }>) => void;
}>;

/** Shows how far work on the tables of a tenant has come, and leaves the terminal as it was. */
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
        bar?.step(`${name}  ${rows} rows`);
        left -= 1;
        // What is said from here on is not about tables.
        if (left === 0) {
          stop();
        }
      },
    });
  } finally {
    stop();
  }
}

/** "3 rows of 2 tables", for a summary. */
export const countRows = (tables: ReadonlyArray<Readonly<{ rows: number }>>): string =>
  `${tables.reduce((sum, { rows }) => sum + rows, 0)} rows of ${tables.length} tables`;
