import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

import {
  assertHeader,
  damaged,
  HEADER,
  MANIFEST,
  MAX_ITEMS,
  type Manifest,
  parseManifest,
  partName,
  SEAL,
} from './manifest.ts';
import { readEntries } from './read-entries.ts';

/** Digest of a table without rows, which has no part. */
const NO_ROWS = { bytes: 0, sha256: createHash('sha256').digest('hex') };

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

/**
 * Reads a whole dump, and returns its manifest if every byte is as it was written.
 *
 * @throws OperatorError `dump_invalid`
 */
export async function verifyDump(file: FileHandle): Promise<Manifest> {
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
