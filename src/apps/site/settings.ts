import { z } from 'zod';

import { flag, oneOf, rate } from '../../tenancy/registry/setting-fields.ts';
import { isSlug } from './sign-up/slug.ts';

/** Settings of sign-up and of the pages of the public site. docs/site.md explains each. */
export const environment = {
  SIGNUP: oneOf('off', 'invite', 'open').default('off'),
  SIGNUP_RESERVED: z
    .string()
    .default('')
    .transform((text) => text.split(/[\s,]+/).filter((slug) => slug !== ''))
    .refine((slugs) => slugs.every(isSlug), 'must be names such as shop,intranet, separated by commas'),
  THROTTLE_SIGNUP: rate('5/hour'),
  THROTTLE_SIGNUP_DOMAIN: rate('50/hour'),
  FIND_WORKSPACES: flag('true'),
  THROTTLE_FIND_WORKSPACES: rate('5/hour'),
};

export type SiteEnvironment = Readonly<z.infer<z.ZodObject<typeof environment>>> &
  Readonly<{ BASE_DOMAIN: string }>;
