import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const project = join(import.meta.dirname, '..', '..');

/** The code of a later release: this project with additional files, in a separate folder. */
export type WorkingCopy = Readonly<{
  folder: string;
  /** Adds or replaces a file, by its path in the project. */
  write: (file: string, text: string) => Promise<void>;
  remove: () => Promise<void>;
}>;

export async function makeWorkingCopy(files: Readonly<Record<string, string>> = {}): Promise<WorkingCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-copy-'));
  for (const part of ['src', 'migrations', 'sql', 'test/fixture-app', 'package.json']) {
    await cp(join(project, part), join(folder, part), { recursive: true });
  }
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'));
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  };
  for (const [file, text] of Object.entries(files)) {
    await write(file, text);
  }
  return { folder, write, remove: () => rm(folder, { recursive: true, force: true }) };
}
