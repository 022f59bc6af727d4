import type { Caller, Case, Need, Settings } from './case.ts';
import { BLANK, INVALID_USERNAME, invalid, NO_EMAIL, NO_STRING, NUL, NULL, REQUIRED } from './responses.ts';
import { aText, ours } from './shape.ts';

/** Properties of a field. */
export type Field = Readonly<{
  optional?: boolean;
  blank?: boolean;
  isEmail?: boolean;
  isUsername?: boolean;
  /** Reason why Django differs in every error of this field. */
  difference?: string;
  /** Reason why Django differs if the field is missing. */
  differenceIfMissing?: string;
}>;

/**
 * Returns a case for every error that a field of a body can have: missing, null, blank, wrong type.
 * `good` is a well-formed body. It need not succeed: the form of a body is checked before its values.
 */
export function faultsOfFields({
  endpoint,
  good,
  fields,
  caller = 'nobody',
  settings = {},
  needs = [],
  difference,
  differenceIfMissing,
}: {
  endpoint: string;
  good: Readonly<Record<string, unknown>>;
  fields: Readonly<Record<string, Field>>;
  caller?: Caller;
  settings?: Settings;
  needs?: readonly Need[];
  difference?: string;
  /** Reason why Django differs if the body has no field. */
  differenceIfMissing?: string | undefined;
}): readonly Case[] {
  const common = { caller, settings, needs };
  const because = (reason: string | undefined) => (reason === undefined ? {} : { difference: reason });
  const without = (name: string) =>
    Object.fromEntries(Object.entries(good).filter(([other]) => other !== name));

  const ofField = ([name, field]: [string, Field]): Case[] => {
    const { optional, blank, isEmail, isUsername } = field;
    const wrongType = isEmail ? NO_EMAIL : NO_STRING;
    const faults: ReadonlyArray<readonly [string, unknown, string | readonly string[]]> = [
      [`${name} null`, { ...good, [name]: null }, NULL],
      [`${name} a boolean`, { ...good, [name]: true }, wrongType],
      [`${name} a list`, { ...good, [name]: ['a'] }, wrongType],
      [`${name} an object`, { ...good, [name]: { a: 1 } }, wrongType],
      [
        `a NUL in ${name}`,
        { ...good, [name]: 'a\0b@example.com' },
        isEmail ? [NUL, NO_EMAIL] : isUsername ? [INVALID_USERNAME, NUL] : NUL,
      ],
      ...(optional ? [] : [[`no ${name}`, without(name), REQUIRED] as const]),
      ...(blank ? [] : [[`${name} blank`, { ...good, [name]: '' }, BLANK] as const]),
    ];
    return faults.map(([what, send, message]) => ({
      ...common,
      ...because(
        field.difference ?? (message === REQUIRED ? field.differenceIfMissing : undefined) ?? difference,
      ),
      title: `${endpoint} with ${what} is rejected on the field`,
      steps: [{ endpoint, send, ...invalid({ [name]: message }) }],
    }));
  };

  const required = Object.entries(fields).filter(([, { optional }]) => !optional);
  const whole: Case[] = [
    {
      ...common,
      ...because(differenceIfMissing ?? difference),
      title: `${endpoint} with an empty object reports all required fields`,
      steps: [
        { endpoint, send: {}, ...invalid(Object.fromEntries(required.map(([name]) => [name, REQUIRED]))) },
      ],
    },
    {
      ...common,
      ...because(differenceIfMissing ?? difference),
      title: `${endpoint} without a body reports all required fields`,
      steps: [{ endpoint, ...invalid(Object.fromEntries(required.map(([name]) => [name, REQUIRED]))) }],
    },
    {
      ...common,
      ...because(difference),
      title: `${endpoint} with a list is rejected`,
      steps: [
        {
          endpoint,
          send: [],
          ...invalid({ non_field_errors: 'Invalid data. Expected a dictionary, but got list.' }),
        },
      ],
    },
    {
      ...common,
      ...because(difference),
      title: `${endpoint} with invalid JSON returns 400`,
      steps: [{ endpoint, raw: '{', status: 400, responseBody: { detail: aText } }],
    },
    {
      ...common,
      ...because(difference),
      title: `${endpoint} with plain text returns 415`,
      steps: [
        {
          endpoint,
          raw: 'text',
          headers: { 'Content-Type': 'text/plain' },
          status: 415,
          responseBody: { detail: ours('Unsupported media type "text/plain" in request.') },
        },
      ],
    },
  ];
  return [...Object.entries(fields).flatMap(ofField), ...(required.length > 0 ? whole : whole.slice(2))];
}
