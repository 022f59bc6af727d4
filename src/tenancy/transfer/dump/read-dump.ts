import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { counted } from '../../../counted.ts';
import { OperatorError } from '../../../errors.ts';
import { type DumpedTable, damaged, type Manifest, partName } from './manifest.ts';
import { readEntries } from './read-entries.ts';
import { verifyDump } from './verify-dump.ts';

/** A verified dump: every byte was read and has its digest. */
export type Dump = Readonly<{
  manifest: Manifest;
  /** Reads the rows again, table by table, and rejects them if the file has changed since. */
  eachTable: (load: LoadDumped, options: { leaveOut: (table: DumpedTable) => boolean }) => Promise<void>;
}>;

/** Loads the rows of a table, and returns their number. */
type LoadDumped = (table: DumpedTable, rows: Readable) => Promise<number>;

async function readTables(
  file: FileHandle,
  manifest: Manifest,
  load: LoadDumped,
  leaveOut: (table: DumpedTable) => boolean,
): Promise<void> {
  const parts = readEntries(file);
  try {
    await parts.next();
    let at = await parts.next();
    for (const [index, table] of manifest.tables.entries()) {
      const hash = createHash('sha256');
      let bytes = 0;
      const rows = async function* () {
        for (let part = 0; !at.done && at.value.name === partName(index, part); part += 1) {
          bytes += at.value.content.length;
          if (bytes > table.bytes) {
            throw damaged(`the checksum of table "${table.name}" is wrong`);
          }
          hash.update(at.value.content);
          yield at.value.content;
          at = await parts.next();
        }
      };
      const stream = Readable.from(rows(), { objectMode: false, highWaterMark: 1 << 20 });
      if (leaveOut(table)) {
        await finished(stream.resume());
        continue;
      }
      const count = await load(table, stream);
      if (count !== table.rows || hash.digest('hex') !== table.sha256) {
        throw damaged(`table "${table.name}" has ${counted(count, 'row')} instead of ${table.rows}`);
      }
    }
  } finally {
    await parts.return();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
};

/**
 * Opens a dump, reads all of it once, and calls `work` only if every byte is as it was written.
 *
 * Detects damage, not forgery: anyone with write access to the file can write a matching manifest.
 * Restore only dumps whose content you trust.
 *
 * @throws OperatorError `file_refused` or `dump_invalid`
 */
export async function withDump<T>(file: string, work: (dump: Dump) => Promise<T>): Promise<T> {
  const refuse = (error: NodeJS.ErrnoException): never => {
    const reason = REASONS[error.code ?? ''];
    throw reason
      ? new OperatorError('file_refused', `${file} cannot be read: ${reason}.`, { cause: error })
      : error;
  };
  const handle = await open(file, 'r').catch(refuse);
  try {
    if ((await handle.stat()).isDirectory()) {
      refuse(Object.assign(new Error(), { code: 'EISDIR' }));
    }
    const manifest = await verifyDump(handle);
    return await work({
      manifest,
      eachTable: (load, { leaveOut }) => readTables(handle, manifest, load, leaveOut),
    });
  } finally {
    await handle.close();
  }
}
