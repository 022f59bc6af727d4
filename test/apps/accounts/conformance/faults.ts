import { BLANK, invalid, NO_EMAIL, NO_STRING, NUL, NULL, REQUIRED, STRANGE_NAME } from './answers.ts';
import type { Case, Need, Settings, Who } from './case.ts';
import { aText, ours } from './shape.ts';

/** What a field may do that others may not. */
export type Field = Readonly<{
  optional?: boolean;
  blank?: boolean;
  isEmail?: boolean;
  isUsername?: boolean;
  /** Why Django differs about every fault of this field. */
  particular?: string;
  /** Why Django differs about the missing field. */
  particularIfMissing?: string;
}>;

/**
 * The faults that every field of every body can have, each a case: missing,
 * null, blank, of a wrong type. `good` is a body without any, which need not
 * succeed: forms are looked at before what stands in them is.
 */
export function faultsOfFields({
  ask,
  good,
  fields,
  who = 'nobody',
  settings = {},
  needs = [],
  particular,
  particularIfMissing,
}: {
  ask: string;
  good: Readonly<Record<string, unknown>>;
  fields: Readonly<Record<string, Field>>;
  who?: Who;
  settings?: Settings;
  needs?: readonly Need[];
  particular?: string;
  /** Why Django differs about a body without any field. */
  particularIfMissing?: string | undefined;
}): readonly Case[] {
  const common = { who, settings, needs };
  const because = (reason: string | undefined) => (reason === undefined ? {} : { particular: reason });
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
        isEmail ? [NUL, NO_EMAIL] : isUsername ? [STRANGE_NAME, NUL] : NUL,
      ],
      ...(optional ? [] : [[`no ${name}`, without(name), REQUIRED] as const]),
      ...(blank ? [] : [[`${name} blank`, { ...good, [name]: '' }, BLANK] as const]),
    ];
    return faults.map(([what, send, message]) => ({
      ...common,
      ...because(
        field.particular ?? (message === REQUIRED ? field.particularIfMissing : undefined) ?? particular,
      ),
      what: `${ask} with ${what} is refused on the field`,
      steps: [{ ask, send, ...invalid({ [name]: message }) }],
    }));
  };

  const required = Object.entries(fields).filter(([, { optional }]) => !optional);
  const whole: Case[] = [
    {
      ...common,
      ...because(particularIfMissing ?? particular),
      what: `${ask} with nothing names all that is missing`,
      steps: [{ ask, send: {}, ...invalid(Object.fromEntries(required.map(([name]) => [name, REQUIRED]))) }],
    },
    {
      ...common,
      ...because(particularIfMissing ?? particular),
      what: `${ask} without a body names all that is missing`,
      steps: [{ ask, ...invalid(Object.fromEntries(required.map(([name]) => [name, REQUIRED]))) }],
    },
    {
      ...common,
      ...because(particular),
      what: `${ask} with a list is refused as a whole`,
      steps: [
        {
          ask,
          send: [],
          ...invalid({ non_field_errors: 'Invalid data. Expected a dictionary, but got list.' }),
        },
      ],
    },
    {
      ...common,
      ...because(particular),
      what: `${ask} with what is not JSON is a 400`,
      steps: [{ ask, raw: '{', status: 400, answer: { detail: aText } }],
    },
    {
      ...common,
      ...because(particular),
      what: `${ask} with text is a 415`,
      steps: [
        {
          ask,
          raw: 'text',
          headers: { 'Content-Type': 'text/plain' },
          status: 415,
          answer: { detail: ours('Unsupported media type "text/plain" in request.') },
        },
      ],
    },
  ];
  return [...Object.entries(fields).flatMap(ofField), ...(required.length > 0 ? whole : whole.slice(2))];
}
