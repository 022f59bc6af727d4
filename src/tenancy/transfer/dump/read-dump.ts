import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';

import { counted } from '../../../counted.ts';
import { DomainError, OperatorError } from '../../../errors.ts';
import {
  assertHeader,
  type DumpedTable,
  damaged,
  HEADER,
  MANIFEST,
  MAX_ITEMS,
  type Manifest,
  maxEntryBytes,
  parseManifest,
  partName,
  SEAL,
} from './manifest.ts';

/** A verified dump: every byte was read and has its digest. */
export type Dump = Readonly<{
  manifest: Manifest;
  /** Reads the rows again, table by table, and rejects them if the file has changed since. */
  eachTable: (load: LoadDumped, options: { leaveOut: (table: DumpedTable) => boolean }) => Promise<void>;
}>;

/** Loads the rows of a table, and returns their number. */
type LoadDumped = (table: DumpedTable, rows: Readable) => Promise<number>;

/** Base-2 logarithm of the decompressor's maximum memory: 8 MiB. `writeDump` uses less. */
const WINDOW_LOG = 23;

/** Digest of a table without rows, which has no part. */
const NO_ROWS = { bytes: 0, sha256: createHash('sha256').digest('hex') };

type Part = Readonly<{ name: string; content: Buffer }>;

/**
 * Reads from the beginning, any number of times. A stream of the handle would close it, or prevent
 * closing it.
 */
async function* readChunks(file: FileHandle): AsyncGenerator<Buffer, void, void> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(1 << 18), 0, 1 << 18, position);
    if (bytesRead === 0) {
      return;
    }
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* readEntries(file: FileHandle): AsyncGenerator<Part, void, void> {
  const decompress = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
  const tar = extract();
  const flow = pipeline(readChunks(file), decompress, tar);
  flow.catch(() => {});
  let began = false;
  try {
    for await (const entry of tar) {
      const { name, size = 0, type } = entry.header;
      if (type !== 'file') {
        throw damaged('it has an unexpected entry');
      }
      if (size > maxEntryBytes(name)) {
        throw damaged('an entry is too long');
      }
      began = true;
      const chunks: Buffer[] = [];
      for await (const chunk of entry) {
        chunks.push(chunk as Buffer);
      }
      yield { name, content: Buffer.concat(chunks) };
    }
    await flow;
    // The decompressor ignores everything after the end of its frame.
    if (decompress.bytesWritten !== (await file.stat()).size) {
      throw damaged('data follows its end');
    }
  } catch (error) {
    if (error instanceof DomainError) {
      throw error;
    }
    throw damaged(began ? 'it is truncated or corrupt' : 'its header is wrong');
  } finally {
    tar.destroy();
  }
}

type TableDigest = Readonly<{ bytes: number; sha256: string }>;

/**
 * Creates digests of the parts of each table. One hash is open at a time, because tables come in the
 * order of their numbers.
 */
function createTableDigests() {
  const digests = new Map<number, TableDigest>();
  let table = -1;
  let hash = createHash('sha256');
  let bytes = 0;
  let parts = 0;
  const finish = (): void => {
    if (parts > 0) {
      digests.set(table, { bytes, sha256: hash.digest('hex') });
    }
  };
  return {
    /** @throws OperatorError `dump_invalid` for a part that is not the next one */
    add: (index: number, part: number, content: Buffer): void => {
      if (index < table) {
        throw damaged('it has an unexpected entry');
      }
      if (index > table) {
        finish();
        [table, hash, bytes, parts] = [index, createHash('sha256'), 0, 0];
      }
      if (part !== parts || content.length === 0) {
        throw damaged('a part is missing');
      }
      hash.update(content);
      bytes += content.length;
      parts += 1;
    },
    /** Returns the digests of the tables that have rows, by number. */
    end: (): Map<number, TableDigest> => {
      finish();
      return digests;
    },
  };
}

/** Reads and verifies a whole dump, and returns its manifest. */
async function verify(file: FileHandle): Promise<Manifest> {
  const tables = createTableDigests();
  let manifest: Manifest | null = null;
  let sealed = '';
  let seal = '';
  let first = true;
  for await (const { name, content } of readEntries(file)) {
    if (first) {
      if (name !== HEADER) {
        throw damaged('its header is wrong');
      }
      assertHeader(content);
      first = false;
    } else if (name === MANIFEST && !manifest) {
      manifest = parseManifest(content);
      sealed = createHash('sha256').update(content).digest('hex');
    } else if (name === SEAL && manifest && seal === '') {
      seal = content.toString();
    } else {
      const [table = -1, part = -1] = /^data\/(\d+)\/(\d+)\.copy$/.exec(name)?.slice(1).map(Number) ?? [];
      if (manifest || table >= MAX_ITEMS || partName(table, part) !== name) {
        throw damaged('it has an unexpected entry');
      }
      tables.add(table, part, content);
    }
  }
  if (!manifest || seal !== sealed) {
    throw damaged(manifest ? 'the checksum of its manifest is wrong' : 'it is truncated');
  }
  const digests = tables.end();
  for (const [index, { name, bytes, sha256 }] of manifest.tables.entries()) {
    const found = digests.get(index) ?? NO_ROWS;
    if (bytes !== found.bytes || sha256 !== found.sha256) {
      throw damaged(`the checksum of table "${name}" is wrong`);
    }
    digests.delete(index);
  }
  if (digests.size > 0) {
    throw damaged('it has rows of a table that is not in its manifest');
  }
  return manifest;
}

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
    const manifest = await verify(handle);
    return await work({
      manifest,
      eachTable: (load, { leaveOut }) => readTables(handle, manifest, load, leaveOut),
    });
  } finally {
    await handle.close();
  }
}
