import { type Account, run } from './run.ts';

/** Whether an account of the system can run a command successfully. */
export async function canRun(account: Account, command: string, args: readonly string[]): Promise<boolean> {
  try {
    return (await run(command, args, { account })).code === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      return false;
    }
    throw error;
  }
}
