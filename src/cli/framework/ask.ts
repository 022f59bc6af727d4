import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

import type { CliDeps, Output } from './command.ts';
import { printableLines } from './printable.ts';

/**
 * Creates a function that asks a question on the terminal, without echo for a secret. Without a
 * terminal it returns the next line of the input.
 *
 * `interrupt` is called for Ctrl-C, because a terminal that readline reads sends no signal.
 */
export function createAsk({
  stdin,
  stderr,
  interrupt,
}: Readonly<{
  stdin: Readable & Readonly<{ isTTY?: boolean | undefined }>;
  stderr: Output;
  interrupt: () => void;
}>): CliDeps['ask'] {
  let piped: Promise<string[]> | null = null;
  return async (prompt, { secret = false } = {}) => {
    const question = printableLines(prompt);
    if (!stdin.isTTY) {
      piped ??= text(stdin).then((all) => all.split(/\r?\n/));
      return (await piped).shift() ?? '';
    }
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({
      input: stdin,
      output: secret ? silent : stderr,
      terminal: true,
    });
    lines.on('SIGINT', () => interrupt());
    if (secret) {
      stderr.write(question);
    }
    const answer = await lines.question(question);
    lines.close();
    if (secret) {
      stderr.write('\n');
    }
    return answer;
  };
}
