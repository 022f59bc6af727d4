import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { extract, type Header, pack } from 'tar-stream';

/** One entry of a dump. */
export type Piece = { header: Pick<Header, 'name'> & Partial<Header>; content: Buffer };

export async function readPieces(file: string): Promise<Piece[]> {
  const pieces: Piece[] = [];
  const reader = extract();
  reader.end(zstdDecompressSync(await readFile(file)));
  for await (const entry of reader) {
    pieces.push({ header: { name: entry.header.name }, content: await buffer(entry) });
  }
  return pieces;
}

/** Returns a tar of these entries. The header of an entry may contradict its content. */
export async function packPieces(pieces: Iterable<Piece>): Promise<Buffer> {
  const writer = pack();
  for (const { header, content } of pieces) {
    writer.entry(header, content);
  }
  writer.finalize();
  return buffer(writer);
}

export const compressPieces = async (pieces: Iterable<Piece>): Promise<Buffer> =>
  zstdCompressSync(await packPieces(pieces));

export function findPiece(pieces: readonly Piece[], name: string): Piece {
  const found = pieces.find(({ header }) => header.name === name);
  if (!found) {
    throw new Error(`No ${name}.`);
  }
  return found;
}

/** Changes the manifest and updates its digest. */
// biome-ignore lint/suspicious/noExplicitAny: a forged manifest has any form
export function editManifest(pieces: readonly Piece[], edit: (manifest: any) => void): void {
  const piece = findPiece(pieces, 'manifest.json');
  const manifest = JSON.parse(piece.content.toString());
  edit(manifest);
  piece.content = Buffer.from(JSON.stringify(manifest));
  findPiece(pieces, 'manifest.sha256').content = Buffer.from(
    createHash('sha256').update(piece.content).digest('hex'),
  );
}
