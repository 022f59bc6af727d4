import { attacks } from './attacks/index.ts';

/**
 * The attacks that succeed on a database that cannot be hardened: no other wall stops them, or only
 * wall 0. docs/isolation.md lists them.
 */
export const LOST_UNHARDENED: readonly string[] = attacks
  .filter(({ walls }) => walls.filter((wall) => wall !== 'statement').join() === 'hardening')
  .map(({ id }) => id);
