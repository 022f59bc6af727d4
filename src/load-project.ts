import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

import type { Project } from './definition/define-project.ts';
import { type DomainError, OperatorError } from './errors.ts';
import { loadModule } from './tenancy/registry/load-module.ts';

/** Default files of the project when package.json names none. The first that exists is used. */
const DEFAULT_FILES = ['src/project.ts', 'src/project.js', 'project.ts', 'project.js'];

/** The major version of `engines` in package.json. */
const OLDEST_NODE = 24;

const SMALLEST_PROJECT = `import { accounts, admin, defineProject, site } from 'koa-tenants';

export const project = defineProject({ apps: [site, accounts, admin], authentication: accounts.authentication });`;

const manifest = z.object({ 'koa-tenants': z.object({ project: z.string() }).optional() });

const invalid = (message: string, cause?: unknown): DomainError =>
  new OperatorError('configuration_invalid', message, { cause });

/** Returns the file that package.json names, or null. */
async function readNamedFile(file: string): Promise<string | null> {
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

/** @throws OperatorError `configuration_invalid` when koa-tenants does not run on this version of Node */
export function assertNodeVersion(version: string): void {
  if (Number.parseInt(version, 10) < OLDEST_NODE) {
    throw invalid(`koa-tenants requires Node ${OLDEST_NODE} or later. This is Node ${version}.`);
  }
}

/**
 * Loads the project of a folder: the export `project` of the file that package.json names in
 * `"koa-tenants": { "project": … }`, by default src/project.ts.
 *
 * @throws OperatorError `configuration_invalid` when there is no package.json, or no such file or export, and
 *   `project_invalid` when the file cannot be loaded
 */
export async function loadProject(folder: string): Promise<Project> {
  const manifestFile = path.join(folder, 'package.json');
  const named = await readNamedFile(manifestFile);
  if (named === null && !existsSync(manifestFile)) {
    // In src/, the default project.ts would be found, and `dev` would create a second database there.
    throw invalid(`No package.json found in ${folder}. Run the command in the folder of package.json.`);
  }
  const file = (named === null ? DEFAULT_FILES : [named])
    .map((candidate) => path.resolve(folder, candidate))
    .find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw invalid(
      named === null
        ? `No project found in ${folder}. It must be the export \`project\` of src/project.ts, or of the file that package.json names: "koa-tenants": { "project": "./server/project.ts" }. The smallest src/project.ts is:\n\n${SMALLEST_PROJECT}`
        : `The file ${named} does not exist. package.json names it in "koa-tenants": { "project": … }.`,
    );
  }
  const { project } = await loadModule<{ project?: Project }>(file, () => import(pathToFileURL(file).href));
  if (!Array.isArray(project?.apps)) {
    throw invalid(`${file} must export \`project\`, the result of \`defineProject\`.`);
  }
  return project;
}
