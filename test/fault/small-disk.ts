import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { platform, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether this account may mount a file system. CI requires it: its tests fail there instead of being skipped. */
export const mayMount: boolean = Boolean(process.env.CI) || (platform() === 'linux' && userInfo().uid === 0);

export type SmallDisk = Readonly<{
  /** The folder for data, which does not exist yet. */
  folder: string;
  /** Writes files until the disk is full. */
  fill: () => Promise<void>;
  /** Deletes these files. */
  removeLeftovers: () => Promise<void>;
  unmount: () => Promise<void>;
}>;

/** Mounts a file system in memory with `megabytes`. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const mounted = await mkdtemp(join(tmpdir(), 'koa-tenants-disk-'));
  // PostgreSQL does not run as root.
  await chmod(mounted, 0o755);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', mounted]);
  } catch (error) {
    throw new Error('A full disk needs a small one: run this as root where tmpfs may be mounted.', {
      cause: error,
    });
  }
  const filler = join(mounted, 'filler');
  const folder = join(mounted, 'data');
  await mkdir(folder);
  return {
    folder,
    fill: async () => {
      const file = await open(filler, 'a');
      // Smaller pieces fill the rest, to the last page.
      for (let size = 2 ** 20; size >= 4096; ) {
        const { bytesWritten } = await file
          .write(Buffer.alloc(size))
          .catch((error: NodeJS.ErrnoException) => {
            if (error.code !== 'ENOSPC') {
              throw error;
            }
            return { bytesWritten: 0 };
          });
        size = bytesWritten < size ? size / 2 : size;
      }
      await file.close();
    },
    removeLeftovers: () => rm(filler, { force: true }),
    unmount: async () => {
      await run('umount', [mounted]);
      await rm(mounted, { recursive: true });
    },
  };
}
