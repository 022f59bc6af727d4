import test from 'ava';
import { serialize } from 'pg-protocol';

import { MESSAGE, MessageReader, readError, readFields } from '../../src/db/driver/message-reader.ts';
import { MessageWriter } from '../../src/db/driver/message-writer.ts';
import fc from '../helpers/fast-check.ts';

const message = (code: string, content: Buffer): Buffer => {
  const bytes = Buffer.alloc(5 + content.length);
  bytes.write(code);
  bytes.writeInt32BE(4 + content.length, 1);
  content.copy(bytes, 5);
  return bytes;
};

test('splits a stream into the same messages, wherever it is cut', (t) => {
  const anyMessage = fc.record({
    code: fc.constantFrom('D', 'C', 'Z', '2'),
    content: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(anyMessage), fc.array(fc.nat({ max: 30 })), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(({ code, content }) => message(code, Buffer.from(content))));
      const read: Array<{ code: string; content: Uint8Array }> = [];
      const reader = new MessageReader((code, bytes, start, end) => {
        read.push({ code: String.fromCharCode(code), content: Uint8Array.from(bytes.subarray(start, end)) });
      });
      let at = 0;
      for (const length of [...cuts, stream.length]) {
        if (at < stream.length) {
          reader.push(stream.subarray(at, at + length));
          at += length;
        }
      }
      t.deepEqual(read, messages);
    }),
  );
});

test('writes the same bytes as pg', (t) => {
  const anyValue = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
  );
  const writer = new MessageWriter();
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.array(anyValue), (name, text, values) => {
      writer.close(name);
      writer.parse(name, text);
      writer.bind('portal', name, values);
      writer.describePortal('portal');
      writer.execute('portal', 7);
      writer.raw(serialize.sync());
      t.deepEqual(
        writer.take(),
        Buffer.concat([
          serialize.close({ type: 'S', name }),
          serialize.parse({ name, text, types: [] }),
          serialize.bind({ portal: 'portal', statement: name, values: [...values] }),
          serialize.describe({ type: 'P', name: 'portal' }),
          serialize.execute({ portal: 'portal', rows: 7 }),
          serialize.sync(),
        ]),
      );
    }),
  );
});

test('writes values that are longer than its buffer', (t) => {
  const writer = new MessageWriter();
  const long = 'ä'.repeat(200_000);
  writer.bind('', '', ['short', long]);
  t.true(writer.take().equals(serialize.bind({ values: ['short', long] })));
  writer.bind('', '', ['short']);
  t.deepEqual(writer.take(), serialize.bind({ values: ['short'] }));
});

test('reads the columns of a result', (t) => {
  const column = (name: string, type: number): Buffer => {
    const facts = Buffer.alloc(18);
    facts.writeUInt32BE(type, 6);
    return Buffer.concat([Buffer.from(`${name}\0`), facts]);
  };
  const content = Buffer.concat([Buffer.from([0, 2]), column('id', 20), column('größe', 4_000_000_000)]);
  t.deepEqual(readFields(message('T', content), 5), [
    { name: 'id', dataTypeID: 20 },
    { name: 'größe', dataTypeID: 4_000_000_000 },
  ]);
});

test('reads an error as pg does', (t) => {
  const bytes = message('E', Buffer.from('SERROR\0VERROR\0C23505\0Mduplicate key\0ntable__name_key\0\0'));
  let error: Error | null = null;
  new MessageReader((code, ...where) => {
    t.is(code, MESSAGE.error);
    error = readError(...where);
  }).push(bytes);
  t.like(error, {
    message: 'duplicate key',
    severity: 'ERROR',
    code: '23505',
    constraint: 'table__name_key',
    detail: undefined,
  });
});

test('rejects messages that cannot be read, instead of reading for ever', (t) => {
  const reader = new MessageReader(() => t.fail());
  t.throws(() => reader.push(Buffer.from([MESSAGE.dataRow, 0, 0, 0, 3, 0, 0])), {
    message: /invalid length/,
  });
  const unended = message('E', Buffer.from('SERROR'));
  t.throws(() => readError(unended, 5, unended.length), { message: /without an end/ });
  const column = message('T', Buffer.from([0, 1, 0x69, 0x64]));
  t.throws(() => readFields(column, 5), { message: /without an end/ });
});
