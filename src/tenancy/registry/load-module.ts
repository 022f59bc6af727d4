import { fileURLToPath } from 'node:url';

import { DomainError, OperatorError } from '../../errors.ts';

/** A position in a stack: the first line of a syntax error, or a frame. */
const POSITION = /(file:\/\/\S+?):(\d+)/g;

/** Returns the first position outside of node_modules, or null. A missing module has none: its message names both files. */
function positionOf({ stack = '', ...error }: NodeJS.ErrnoException): string | null {
  if (error.code === 'ERR_MODULE_NOT_FOUND') {
    return null;
  }
  for (const [, url = '', line] of stack.matchAll(POSITION)) {
    if (!url.includes('/node_modules/')) {
      return `${fileURLToPath(url)}, line ${line}`;
    }
  }
  return null;
}

/**
 * Calls `load`, which imports a module of the project.
 *
 * @param what what is loaded, for the message
 * @throws OperatorError `project_invalid` with file, line and cause, when the module or one of its imports fails
 */
export async function loadModule<Module>(what: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof DomainError) {
      throw error;
    }
    const cause = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const position = error instanceof Error ? positionOf(error) : null;
    const sentence = position === null ? cause.replace(/\.$/, '') : `${cause} (${position})`;
    throw new OperatorError('project_invalid', `Cannot load ${what}: ${sentence}.`, { cause: error });
  }
}
