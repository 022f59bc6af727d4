import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

import type { Project } from './definition/define-project.ts';
import { type DomainError, OperatorError } from './errors.ts';

/** Default files of the project when package.json names none. The first that exists is used. */
const DEFAULT_FILES = ['src/project.ts', 'src/project.js', 'project.ts', 'project.js'];

const manifest = z.object({ 'koa-tenants': z.object({ project: z.string() }).optional() });

const invalid = (message: string, cause?: unknown): DomainError =>
  new OperatorError('configuration_invalid', message, { cause });

async function namedIn(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return '{}';
    }
    throw error;
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid(`${file} is not JSON.`, error);
  }
  const found = manifest.safeParse(parsed);
  if (!found.success) {
    throw invalid(`${file}: "koa-tenants" must be an object such as { "project": "./src/project.ts" }.`);
  }
  return found.data['koa-tenants']?.project ?? null;
}

/**
 * Loads the project of a folder: the export `project` of the file that package.json names in
 * `"koa-tenants": { "project": … }`, by default src/project.ts.
 *
 * @throws OperatorError `configuration_invalid` when there is no such file or export
 */
export async function loadProject(folder: string): Promise<Project> {
  const named = await namedIn(path.join(folder, 'package.json'));
  const file = (named === null ? DEFAULT_FILES : [named])
    .map((candidate) => path.resolve(folder, candidate))
    .find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw invalid(
      named === null
        ? `No project found in ${folder}: ${DEFAULT_FILES.join(', ')} does not exist. Set the file in package.json: "koa-tenants": { "project": "./src/project.ts" }.`
        : `The file ${named} does not exist. package.json names it in "koa-tenants": { "project": … }.`,
    );
  }
  const { project } = (await import(pathToFileURL(file).href)) as { project?: Project };
  if (!Array.isArray(project?.apps)) {
    throw invalid(`${file} must export \`project\`, the result of \`defineProject\`.`);
  }
  return project;
}
