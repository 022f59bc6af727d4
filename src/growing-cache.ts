import { LRUCache } from 'lru-cache';

/**
 * Creates a cache of at most `max` entries, which removes the least recently used one. It allocates memory as it fills;
 * `new LRUCache({ max })` allocates that of all entries.
 *
 * @param ttl milliseconds after which an entry is removed. Default: never
 */
export const createGrowingCache = <Key extends string, Value extends {}>(
  max: number,
  { ttl = 0 }: { ttl?: number } = {},
): LRUCache<Key, Value> => new LRUCache({ maxSize: max, sizeCalculation: () => 1, ttl });
