type Load = () => Promise<unknown>;

const loads = new Set<Load>();

/**
 * Registers a function that imports a module on first use, and returns it. Few requests need such a module, and the start
 * does not wait for it.
 */
export function lazyModule<T>(load: () => Promise<T>): () => Promise<T> {
  loads.add(load);
  return load;
}

/**
 * Imports all registered modules, one after the other. A long-running process calls it when it serves: later, a new release
 * may have replaced the files.
 *
 * @throws the error of the first import that fails
 */
export async function loadLazyModules(): Promise<void> {
  for (const load of loads) {
    await load();
  }
}
