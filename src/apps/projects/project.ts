import type { z } from 'zod';

import { datetime } from '../../http/fields/date.ts';
import { optional, readOnly } from '../../http/fields/field.ts';
import { id } from '../../http/fields/relation.ts';
import { serializer } from '../../http/fields/serializer.ts';
import { text } from '../../http/fields/text.ts';

export const project = serializer(
  {
    id: id(),
    name: text({ max: 255 }),
    // 100 such rows fit into MAX_RESPONSE_BYTES, unless they consist of control characters.
    description: optional(text({ max: 20_000, blank: true })),
    created_at: readOnly(datetime()),
  },
  { name: 'Project' },
);

export type NewProject = z.output<typeof project.body>;
export type ProjectChanges = z.output<typeof project.partialBody>;
