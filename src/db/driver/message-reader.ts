import { DatabaseError } from 'pg-protocol';

import type { Field } from './row-shape.ts';

/** The codes of the messages that a batch handles. */
export const MESSAGE = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  commandComplete: 0x43,
  dataRow: 0x44,
  error: 0x45,
  copyIn: 0x47,
  emptyQuery: 0x49,
  rowDescription: 0x54,
  readyForQuery: 0x5a,
  portalSuspended: 0x73,
} as const;

/** Called with the code of a message and the range of its content. The bytes may change after the call. */
export type OnMessage = (code: number, bytes: Buffer, start: number, end: number) => void;

/** Bytes of the code and the length of a message. */
export const HEADER_BYTES = 5;
/** A length includes itself. */
const LENGTH_BYTES = 4;

/** Splits the bytes that PostgreSQL sends into messages. */
export class MessageReader {
  readonly #onMessage: OnMessage;
  /** Chunks of an incomplete message. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Number of bytes that are needed before the next message can be read. */
  #needed = HEADER_BYTES;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  /** @throws Error for bytes that are no messages */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#bytes > 0) {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes < this.#needed) {
        return;
      }
      bytes = Buffer.concat(this.#chunks, this.#bytes);
    }
    let at = 0;
    let needed = HEADER_BYTES;
    while (at + HEADER_BYTES <= bytes.length) {
      const length = bytes.readUInt32BE(at + 1);
      if (length < LENGTH_BYTES) {
        throw new Error('PostgreSQL sent a message with an invalid length.');
      }
      const end = at + 1 + length;
      if (end > bytes.length) {
        needed = end - at;
        break;
      }
      this.#onMessage(bytes[at] as number, bytes, at + HEADER_BYTES, end);
      at = end;
    }
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#bytes = bytes.length - at;
    this.#needed = needed;
  }
}

/** Returns where the text that begins at `start` ends: its zero byte. */
function endOfText(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(0, start);
  if (end < 0) {
    throw new Error('PostgreSQL sent a text without an end.');
  }
  return end;
}

/** Returns the columns of a RowDescription. */
export function readFields(bytes: Buffer, start: number): readonly Field[] {
  const fields: Field[] = [];
  let at = start + 2;
  for (let left = bytes.readInt16BE(start); left > 0; left -= 1) {
    const end = endOfText(bytes, at);
    // After the name: table (4 bytes), column (2), type (4), size (2), modifier (4), format (2).
    fields.push({ name: bytes.toString('utf8', at, end), dataTypeID: bytes.readUInt32BE(end + 7) });
    at = end + 19;
  }
  return fields;
}

/** Members of pg's DatabaseError, by the code of their field. */
const ERROR_FIELDS = {
  S: 'severity',
  C: 'code',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
} as const;

/** Returns the error of an ErrorResponse, as pg does. */
export function readError(bytes: Buffer, start: number, end: number): DatabaseError {
  const fields = new Map<string, string>();
  for (let at = start; at < end && bytes[at] !== 0; ) {
    const endOfField = endOfText(bytes, at + 1);
    fields.set(String.fromCharCode(bytes[at] as number), bytes.toString('utf8', at + 1, endOfField));
    at = endOfField + 1;
  }
  const error = new DatabaseError(fields.get('M') ?? '', end - start, 'error');
  for (const [code, member] of Object.entries(ERROR_FIELDS)) {
    error[member] = fields.get(code);
  }
  return error;
}
