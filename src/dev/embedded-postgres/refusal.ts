import { DomainError } from '../../errors.ts';

/** For who starts the server: one sentence on what is missing, with the way out. */
export const refusal = (message: string, cause?: unknown): DomainError =>
  new DomainError('precondition_failed', message, cause === undefined ? undefined : { cause });
