import { hashPassword } from '../apps/accounts/password.ts';
import type { CliCommand } from './command.ts';
import { parseNewPassword } from './parse-new-password.ts';

export const hashPasswordCommand: CliCommand<{ json?: true }> = {
  name: 'hash-password',
  summary: 'Ask for a password and print its argon2id hash, for a fixture.',
  declare: (parser) => parser.option('--json', 'print an object'),

  async run({ json }, { ask, print }) {
    const password = await hashPassword(parseNewPassword(await ask('Password: ', { secret: true })));
    print(json ? JSON.stringify({ password }) : password);
  },
};
