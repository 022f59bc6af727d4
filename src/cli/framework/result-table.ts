import Table from 'cli-table3';

import type { StatementResult } from '../../tenancy/context/run-statement.ts';

/** Control characters of a tenant's data would move the cursor of whoever looks at it. */
const plain = (text: string): string =>
  text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) =>
      JSON.stringify(character)
        .slice(1, -1)
        .replace(/^[^\\]/, '?'),
  );

/** Rows in columns, as psql lays them out. Null is shown as such. */
export function resultTable({ columns, rows }: Pick<StatementResult, 'columns' | 'rows'>): string {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', left: '', right: '' };
  const table = new Table({
    head: columns.map(({ name }) => plain(name)),
    chars: {
      ...none,
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      'left-mid': '',
      'right-mid': '',
      mid: '-',
      'mid-mid': '+',
      middle: '|',
    },
    style: { head: [], border: [], compact: true },
  });
  table.push(
    ...rows.map((row) => columns.map(({ name }) => (row[name] === null ? 'null' : plain(String(row[name]))))),
  );
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
