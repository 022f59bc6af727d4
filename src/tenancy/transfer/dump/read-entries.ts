import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';

import { DomainError } from '../../../errors.ts';
import { damaged, maxEntryBytes } from './manifest.ts';

/** Base-2 logarithm of the decompressor's maximum memory: 8 MiB. `writeDump` uses less. */
const WINDOW_LOG = 23;

/** An entry of the archive. */
export type Entry = Readonly<{ name: string; content: Buffer }>;

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

/**
 * Reads the entries of a dump in their order.
 *
 * @throws OperatorError `dump_invalid`
 */
export async function* readEntries(file: FileHandle): AsyncGenerator<Entry, void, void> {
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
