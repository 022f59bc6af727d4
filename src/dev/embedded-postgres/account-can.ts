import { type Account, run } from './run.ts';

/** Whether a command succeeds as that account. False also when it cannot be started. */
export async function accountCan(
  account: Account,
  command: string,
  args: readonly string[],
): Promise<boolean> {
  try {
    return (await run(command, args, { account })).code === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      return false;
    }
    throw error;
  }
}
