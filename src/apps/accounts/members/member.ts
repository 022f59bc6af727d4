import { boolean } from '../../../http/fields/boolean.ts';
import { datetime } from '../../../http/fields/date.ts';
import { email } from '../../../http/fields/email.ts';
import { nullable, readOnly } from '../../../http/fields/field.ts';
import { id } from '../../../http/fields/relation.ts';
import { serializer } from '../../../http/fields/serializer.ts';
import { text } from '../../../http/fields/text.ts';

/** A user of a host, as its staff see it. Never the hash of the password. */
export const member = serializer(
  {
    id: id(),
    username: readOnly(text({ max: 150 })),
    email: readOnly(email({ blank: true })),
    first_name: text({ max: 150, blank: true }),
    last_name: text({ max: 150, blank: true }),
    is_active: boolean(),
    is_staff: boolean(),
    is_superuser: boolean(),
    last_login: readOnly(nullable(datetime())),
    date_joined: readOnly(datetime()),
  },
  { name: 'Member' },
);
