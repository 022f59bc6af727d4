import { type Account, run } from './run.ts';

/** Whether a command succeeds as that account; one that it may not even start does not. */
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
