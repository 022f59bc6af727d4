import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode } from 'dns-packet';

export type TestDns = Readonly<{
  /** Address and port, in the format of DNS_SERVER. */
  server: string;
  /** The served TXT records, by name. A long one is sent in parts of 255 bytes. */
  records: Map<string, string[]>;
  /** How it responds: normally, with SERVFAIL, or not. */
  behavior: { value: 'good' | 'failing' | 'silent' };
  close: () => Promise<void>;
}>;

/** Starts a DNS server on this machine. */
export async function startDns(): Promise<TestDns> {
  const records = new Map<string, string[]>();
  const behavior: TestDns['behavior'] = { value: 'good' };
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    if (behavior.value === 'silent') {
      return;
    }
    const { id, questions } = decode(message);
    const [question] = questions ?? [];
    const texts = (question?.type === 'TXT' && records.get(question.name.toLowerCase())) || [];
    const rcode = behavior.value === 'failing' ? 2 : texts.length === 0 ? 3 : 0;
    socket.send(
      encode({
        type: 'response',
        id: id ?? 0,
        flags: 0x8180 | rcode,
        questions: questions ?? [],
        answers:
          behavior.value === 'failing'
            ? []
            : texts.map((text) => ({
                type: 'TXT',
                name: question?.name ?? '',
                ttl: 1,
                data: text.match(/.{1,255}/g) ?? [''],
              })),
      }),
      port,
      address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    server: `127.0.0.1:${socket.address().port}`,
    records,
    behavior,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}
