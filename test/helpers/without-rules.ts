import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A rule of the source, and the text with which it is removed. */
export type Rule = Readonly<{
  /** Relative to the repository. */
  file: string;
  from: string;
  to: string;
}>;

const ROOT = pathToFileURL(join(import.meta.dirname, '../..'));
const PARAMETER = 'without';

/** Rules that are removed from each graph of modules, by its name. */
const graphs = new Map<string, readonly Rule[]>();

const graphOf = (url: string | undefined): string | null =>
  url?.startsWith('file:') ? new URL(url).searchParams.get(PARAMETER) : null;

const isOurs = (url: string): boolean => url.startsWith(`${ROOT.href}/`) && !url.includes('/node_modules/');

const pathOf = (url: string): string => fileURLToPath(url).slice(fileURLToPath(ROOT).length + 1);

let isRegistered = false;

/** A module that a module of a graph imports belongs to the same graph, and is loaded once for it. */
function register(): void {
  if (isRegistered) {
    return;
  }
  isRegistered = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      const result = next(specifier, context);
      const graph = graphOf(context.parentURL);
      if (graph === null || !isOurs(result.url)) {
        return result;
      }
      const url = new URL(result.url);
      url.searchParams.set(PARAMETER, graph);
      return { ...result, url: url.href };
    },
    load: (url, context, next) => {
      const result = next(url, context);
      const rules = graphs.get(graphOf(url) ?? '')?.filter(({ file }) => file === pathOf(url)) ?? [];
      if (rules.length === 0) {
        return result;
      }
      let text = Buffer.from(result.source as Uint8Array).toString();
      for (const { file, from, to } of rules) {
        if (!text.includes(from)) {
          throw new TypeError(`${file} does not contain ${from}`);
        }
        text = text.replace(from, () => to);
      }
      return { ...result, source: text };
    },
  });
}

/**
 * Imports a module of the repository, with all that it imports, once more and without these rules. The modules that were
 * imported before are not changed.
 */
export async function importWithout(graph: string, rules: readonly Rule[], file: string): Promise<unknown> {
  register();
  graphs.set(graph, rules);
  const url = new URL(pathToFileURL(join(fileURLToPath(ROOT), file)));
  url.searchParams.set(PARAMETER, graph);
  return import(url.href);
}
