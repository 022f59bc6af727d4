import type { CliCommand } from '../../../cli/framework/command.ts';

export const hashPasswordCommand: CliCommand<{ json?: true }> = {
  name: 'hash-password',
  summary: 'Prompt for a password and print its argon2id hash, for a fixture.',
  declare: (parser) => parser.option('--json', 'print an object'),

  async run({ json }, { ask, print }) {
    const [{ hashPassword }, { assertTypedPassword }] = await Promise.all([
      import('../passwords/password.ts'),
      import('./accounts.ts'),
    ]);
    const typed = await ask('Password: ', { secret: true });
    await assertTypedPassword(typed, { username: '', email: '' });
    const password = await hashPassword(typed);
    print(json ? JSON.stringify({ password }) : password);
  },
};
