import { z } from 'zod';

import { readBody } from '../../../http/body/validate.ts';
import { email } from '../../../http/fields/email.ts';
import { checkedText, text } from '../../../http/fields/text.ts';
import type { Context } from '../../../http/state.ts';
import type { SiteEnvironment } from '../settings.ts';
import type { GivenSignUp } from './sign-up.ts';
import { slugField } from './slug.ts';

/** Maximum characters of a password. The app with the users checks the rest. */
const MAX_PASSWORD = 4_096;

/** The names are shown in mails and on terminals. */
const nameField = () =>
  checkedText({ max: 255 }, {}, (given) =>
    /[\p{C}\p{Zl}\p{Zp}]/u.test(given) ? 'Control characters are not allowed.' : null,
  );

/** Returns the fields of a sign-up. */
export const signUpFields = ({ SIGNUP_RESERVED: reserved }: SiteEnvironment) => ({
  name: nameField(),
  slug: slugField(reserved),
  email: email(),
  password: text({ max: MAX_PASSWORD }),
});

export const signUpBody = (environment: SiteEnvironment) =>
  z.object({ ...signUpFields(environment), invitation: text({ max: 200, blank: true }).optional() });

export const confirmationBody = ({ SIGNUP_RESERVED: reserved }: SiteEnvironment) =>
  z.object({ token: text({ max: 200 }), slug: slugField(reserved).optional() });

export const addressBody = z.object({ email: email() });

/** @throws ValidationFailed on each invalid field */
export const readSignUp = (ctx: Context, environment: SiteEnvironment): GivenSignUp =>
  readBody(ctx, signUpBody(environment));

/** @throws ValidationFailed on each invalid field */
export const readConfirmationBody = (
  ctx: Context,
  environment: SiteEnvironment,
): { token: string; slug?: string | undefined } => readBody(ctx, confirmationBody(environment));

export const readAddress = (ctx: Context): string => readBody(ctx, addressBody).email;
