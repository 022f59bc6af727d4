// Control characters, line and paragraph separators, and characters that change the
// direction of the text around them.
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are replaced
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escapeCharacter = (character: string): string =>
  NAMED[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * Returns `text` with every character escaped that would move the cursor, end the line or reorder
 * the text of a terminal. The escapes are those of JSON, so that printed JSON remains valid and
 * keeps its values.
 */
export const printable = (text: string): string => text.replaceAll(HIDDEN, escapeCharacter);

/** The only escape sequences that this program prints: those of `styleText('red', …)`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is the escape character
const STYLE = /(\u001b\[(?:31|39)m)/;

/**
 * Returns lines of output with the same characters escaped, except line breaks, tabs and this
 * program's own style. All output of the command line passes through it: texts of tenants, of the
 * database and of files are untrusted.
 */
export const printableLines = (text: string): string =>
  text
    .split(STYLE)
    .map((part, index) =>
      // Odd parts are captured by the pattern.
      index % 2 === 1
        ? part
        : part.replaceAll(HIDDEN, (character) =>
            character === '\n' || character === '\t' ? character : escapeCharacter(character),
          ),
    )
    .join('');
