import Table from 'cli-table3';

import type { StatementResult } from '../../tenancy/context/run-statement.ts';
import { printable } from './printable.ts';

/** Returns rows in columns, in the layout of psql. Null is shown as such. */
export function resultTable({ columns, rows }: Pick<StatementResult, 'columns' | 'rows'>): string {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', left: '', right: '' };
  const table = new Table({
    head: columns.map(({ name }) => printable(name)),
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
    ...rows.map((row) =>
      columns.map(({ name }) => (row[name] === null ? 'null' : printable(String(row[name])))),
    ),
  );
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
