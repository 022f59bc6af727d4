import type { Violations } from '../../db/violations.ts';
import { ValidationFailed } from '../../errors.ts';

/** Constraints of this app's tables, with Django's messages. */
export const accountsViolations: Violations = {
  users__username: () => new ValidationFailed({ username: ['A user with that username already exists.'] }),
  users__email: () => new ValidationFailed({ email: ['A user with that email already exists.'] }),
  users__username_form: () =>
    new ValidationFailed({
      username: [
        'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
      ],
    }),
  users__text_form: () => new ValidationFailed({ email: ['Control characters are not allowed.'] }),
};
