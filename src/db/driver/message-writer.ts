/** Size of the buffer at the beginning. It grows for long values. */
const INITIAL_BYTES = 8_192;
/** Maximum size of a grown buffer that is kept for the next batch. */
const MAX_KEPT_BYTES = 65_536;

/** Maximum bytes of a UTF-16 code unit in UTF-8. */
const BYTES_PER_UNIT = 3;

/** A value of a parameter as it is sent: a text, bytes in binary format, or null. */
export type Parameter = string | Buffer | null;

/**
 * Writes messages of the frontend into one buffer for each batch. The messages and their formats
 * are those of the PostgreSQL documentation, "Message Formats".
 */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;

  /** Adds encoded messages. */
  raw(message: Buffer): void {
    this.#reserve(message.length);
    this.#at += message.copy(this.#buffer, this.#at);
  }

  parse(name: string, text: string): void {
    const start = this.#begin('P');
    this.#terminated(name);
    this.#terminated(text);
    this.#int16(0);
    this.#end(start);
  }

  bind(portal: string, statement: string, values: readonly Parameter[]): void {
    const start = this.#begin('B');
    this.#terminated(portal);
    this.#terminated(statement);
    this.#int16(values.length);
    for (const value of values) {
      this.#int16(value instanceof Buffer ? 1 : 0);
    }
    this.#int16(values.length);
    for (const value of values) {
      this.#parameter(value);
    }
    // One format for all results: text.
    this.#int16(1);
    this.#int16(0);
    this.#end(start);
  }

  /** Requests the columns of a portal. */
  describePortal(portal: string): void {
    const start = this.#begin('D');
    this.#terminated(`P${portal}`);
    this.#end(start);
  }

  /** `rows`: maximum number of rows. 0: all. */
  execute(portal: string, rows: number): void {
    const start = this.#begin('E');
    this.#terminated(portal);
    this.#int32(rows);
    this.#end(start);
  }

  /** Deallocates a prepared statement. */
  close(name: string): void {
    const start = this.#begin('C');
    this.#terminated(`S${name}`);
    this.#end(start);
  }

  /** Returns the messages and clears the buffer. */
  take(): Buffer {
    const messages = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.clear();
    return messages;
  }

  clear(): void {
    this.#at = 0;
    if (this.#buffer.length > MAX_KEPT_BYTES) {
      this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    }
  }

  #begin(code: string): number {
    this.#reserve(5);
    this.#buffer[this.#at] = code.charCodeAt(0);
    this.#at += 5;
    return this.#at - 4;
  }

  /** Writes the length of the message. It includes its own four bytes, but not the code. */
  #end(start: number): void {
    this.#buffer.writeInt32BE(this.#at - start, start);
  }

  #parameter(value: Parameter): void {
    if (value === null) {
      this.#int32(-1);
    } else if (typeof value === 'string') {
      this.#reserve(4 + value.length * BYTES_PER_UNIT);
      const length = this.#buffer.write(value, this.#at + 4);
      this.#buffer.writeInt32BE(length, this.#at);
      this.#at += 4 + length;
    } else {
      this.#int32(value.length);
      this.raw(value);
    }
  }

  #terminated(text: string): void {
    this.#reserve(text.length * BYTES_PER_UNIT + 1);
    this.#at += this.#buffer.write(text, this.#at);
    this.#buffer[this.#at] = 0;
    this.#at += 1;
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeUInt16BE(value, this.#at);
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#at);
      this.#buffer = grown;
    }
  }
}
