import { attacks } from './attacks/index.ts';

/**
 * What is lost where nobody may harden the database: attacks that no other wall
 * stops, or none but wall 0. docs/isolation.md says each of them.
 */
export const LOST_UNHARDENED: readonly string[] = attacks
  .filter(({ walls }) => walls.filter((wall) => wall !== 'statement').join() === 'hardening')
  .map(({ id }) => id);
