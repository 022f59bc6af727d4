import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';

import { DomainError } from '../../../errors.ts';
import {
  assertHeader,
  type DumpedTable,
  damaged,
  HEADER,
  MANIFEST,
  type Manifest,
  parseManifest,
  partName,
  SEAL,
} from './manifest.ts';

/** Bytes of the longest entry that a dump has: its manifest may be long, its parts are not. */
const LONGEST_ENTRY = 64 << 20;

/** A dump whose every byte was read and found as it was written. */
export type Dump = Readonly<{
  manifest: Manifest;
  /** Reads the rows again, table after table, and refuses them if the file is another by now. */
  eachTable: (load: LoadDumped, options: { leaveOut: (table: DumpedTable) => boolean }) => Promise<void>;
}>;

/** Answers how many rows it was given. */
type LoadDumped = (table: DumpedTable, rows: Readable) => Promise<number>;

type Part = Readonly<{ name: string; content: Buffer }>;

/** From the beginning, however often: a stream of the handle would close it, or keep it from closing. */
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
  const decompress = createZstdDecompress();
  const tar = extract();
  const flow = pipeline(readChunks(file), decompress, tar);
  flow.catch(() => {});
  let began = false;
  try {
    for await (const entry of tar) {
      if ((entry.header.size ?? 0) > LONGEST_ENTRY) {
        throw damaged('an entry of it is too long');
      }
      began = true;
      const chunks: Buffer[] = [];
      for await (const chunk of entry) {
        chunks.push(chunk as Buffer);
      }
      yield { name: entry.header.name, content: Buffer.concat(chunks) };
    }
    await flow;
    // The decompressor is content with the end of its frame, and silent about what follows.
    if (decompress.bytesWritten !== (await file.stat()).size) {
      throw damaged('something follows its end');
    }
  } catch (error) {
    if (error instanceof DomainError) {
      throw error;
    }
    throw damaged(began ? 'it is cut off, or a byte of it has changed' : 'it does not begin as one');
  } finally {
    tar.destroy();
  }
}

/** Reads all of a dump, and believes nothing of it before the end. */
async function verify(file: FileHandle): Promise<Manifest> {
  const tables: Array<{ hash: Hash; bytes: number; parts: number }> = [];
  let manifest: Manifest | null = null;
  let sealed = '';
  let seal = '';
  let first = true;
  for await (const { name, content } of readEntries(file)) {
    if (first) {
      if (name !== HEADER) {
        throw damaged('it does not begin as one');
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
      if (manifest || partName(table, part) !== name || table < tables.length - 1) {
        throw damaged('something is in it that does not belong there');
      }
      while (tables.length <= table) {
        tables.push({ hash: createHash('sha256'), bytes: 0, parts: 0 });
      }
      const at = tables[table];
      if (!at || at.parts !== part) {
        throw damaged('a part of it is missing');
      }
      at.hash.update(content);
      at.bytes += content.length;
      at.parts += 1;
    }
  }
  if (!manifest || seal !== sealed) {
    throw damaged(manifest ? 'its manifest has changed' : 'its end is missing');
  }
  for (let index = 0; index < Math.max(tables.length, manifest.tables.length); index += 1) {
    const told = manifest.tables[index];
    const found = tables[index] ?? { hash: createHash('sha256'), bytes: 0 };
    if (!told || told.bytes !== found.bytes || told.sha256 !== found.hash.digest('hex')) {
      throw damaged(`the rows of table "${told?.name ?? index}" are not those that were dumped`);
    }
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
      const rows = async function* () {
        for (let part = 0; !at.done && at.value.name === partName(index, part); part += 1) {
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
        throw damaged(`table "${table.name}" received ${count} rows, and ${table.rows} were dumped`);
      }
    }
  } finally {
    await parts.return();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'you may not read it',
  EISDIR: 'it is a folder',
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not there',
};

/**
 * Opens a dump, reads all of it once, and hands it to `work` only if every byte
 * is as it was written.
 *
 * Protects from accidents, not from forgery: who can write the file can write a
 * manifest that fits. Restore what you would let write to your tables.
 *
 * @throws DomainError `file_refused` or `dump_invalid`
 */
export async function withDump<T>(file: string, work: (dump: Dump) => Promise<T>): Promise<T> {
  const refuse = (error: NodeJS.ErrnoException): never => {
    const reason = REASONS[error.code ?? ''];
    throw reason
      ? new DomainError('file_refused', `${file} cannot be read: ${reason}.`, { cause: error })
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
