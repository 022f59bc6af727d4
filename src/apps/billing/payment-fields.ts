import { z } from 'zod';

/** Returns the schema of a payment that is recorded by hand. Messages begin with `prefix` and the field's name. */
export const paymentFields = (prefix: '' | '--') => ({
  until: z.iso
    .date(`${prefix}until must be a date such as 2027-01-31`)
    .refine((day) => day >= '2000-01-01' && day <= '2199-12-31', `${prefix}until must be from 2000 to 2199`),
  reference: z
    .string()
    .regex(/^[!-~]{1,255}$/, `${prefix}reference must have 1 to 255 visible ASCII characters`)
    .refine((text) => !text.startsWith('stripe:'), `${prefix}reference must not begin with stripe:`),
  amount: z
    .string()
    .regex(/^\d{1,12}(?:\.\d{1,4})?$/, `${prefix}amount must be a number such as 49.00`)
    .optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, `${prefix}currency must be a code such as EUR`)
    .optional(),
});
