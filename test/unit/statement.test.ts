import test from 'ava';
import { assertRowStatement, firstWord } from '../../src/db/driver/statement.ts';
import { DomainError } from '../../src/errors.ts';
import fc from '../helpers/fast-check.ts';

const ALLOWED = ['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table'];
const FORBIDDEN = [
  ...['set', 'reset', 'show', 'begin', 'start', 'commit', 'end', 'rollback', 'abort', 'savepoint', 'release'],
  ...[
    'prepare',
    'execute',
    'deallocate',
    'declare',
    'fetch',
    'move',
    'close',
    'listen',
    'unlisten',
    'notify',
  ],
  ...[
    'explain',
    'analyze',
    'vacuum',
    'lock',
    'truncate',
    'copy',
    'do',
    'call',
    'load',
    'discard',
    'checkpoint',
  ],
  ...[
    'create',
    'alter',
    'drop',
    'grant',
    'revoke',
    'comment',
    'reassign',
    'refresh',
    'reindex',
    'cluster',
    'import',
  ],
];

const rejection = { instanceOf: DomainError, code: 'statement_refused' } as never;

const mixedCase = (word: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: word.length, maxLength: word.length })
    .map((upper) => [...word].map((letter, at) => (upper[at] ? letter.toUpperCase() : letter)).join(''));

const space = fc.constantFrom(' ', '\t', '\n', '\r', '\f', '\v', '  ');

/** Text that a comment may contain, without delimiters of comments. */
const prose = fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/[*/]/g, ' '));

const blockComment: fc.Arbitrary<string> = fc.letrec<{ comment: string }>((tie) => ({
  comment: fc
    .tuple(prose, fc.option(tie('comment'), { nil: '', maxDepth: 3, depthSize: 'small' }), prose)
    .map(([before, inner, after]) => `/*${before} ${inner} ${after}*/`),
})).comment;

const lineComment = fc
  .tuple(fc.string({ maxLength: 12 }), fc.constantFrom('\n', '\r'))
  .map(([text, end]) => `--${text.replaceAll(/[\n\r]/g, ' ')}${end}`);

/** Text that PostgreSQL skips before a statement. */
const filler = fc
  .array(fc.oneof(space, blockComment, lineComment, fc.constant('(')), { maxLength: 6 })
  .map((parts) => parts.join(''));

test('skips comments, whitespace and opening parentheses before the first word', (t) => {
  fc.assert(
    fc.property(
      filler,
      fc.constantFrom(...ALLOWED, ...FORBIDDEN).chain((word) => fc.tuple(fc.constant(word), mixedCase(word))),
      fc.constantFrom('', ' x', '\nx', '/**/x', '--x', '(x)', ';', '"x"', "'x'", '*'),
      (before, [word, written], after) => firstWord(before + written + after) === word,
    ),
    { numRuns: 2000 },
  );
  t.pass();
});

test('accepts row statements with any spelling and comments', (t) => {
  fc.assert(
    fc.property(filler, fc.constantFrom(...ALLOWED).chain(mixedCase), (before, word) => {
      assertRowStatement(`${before}${word} 1`);
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

test('rejects all other statements with any spelling and comments', (t) => {
  fc.assert(
    fc.property(filler, fc.constantFrom(...FORBIDDEN).chain(mixedCase), (before, word) => {
      t.throws(() => assertRowStatement(`${before}${word} 1`), rejection);
    }),
    { numRuns: 1000 },
  );
});

test('rejects a word that only begins or ends like an allowed one', (t) => {
  for (const word of [
    'selects',
    'select_',
    '_select',
    'within',
    'tables',
    'set_select',
    'updat',
    'deletee',
  ]) {
    t.throws(() => assertRowStatement(`${word} 1`), rejection, word);
  }
});

test('a digit, a dollar sign or a non-ASCII letter continues the word', (t) => {
  // PostgreSQL reads these as one identifier, which cannot begin a statement.
  for (const text of ['select1', 'select$', 'selecté', 'table2 x', 'valuesß']) {
    const word = firstWord(text);
    t.true(word === '' || ALLOWED.includes(word), `${text}: whatever is read is no forbidden statement`);
  }
});

test('skips only the whitespace characters of PostgreSQL', (t) => {
  for (const character of [
    '\u00A0',
    '\u2003',
    '\u2028',
    '\u3000',
    '\uFEFF',
    '\u0085',
    '\u1680',
    '\u200B',
    '\0',
  ]) {
    t.is(firstWord(`${character}select 1`), '', `U+${character.codePointAt(0)?.toString(16)}`);
    t.throws(() => assertRowStatement(`${character}select 1`), rejection);
  }
});

test('an unterminated comment hides the whole text', (t) => {
  for (const text of [
    '/* select 1',
    '/* /* */ select 1',
    '/*/ select 1',
    '-- select 1',
    '--select 1',
    '/*',
  ]) {
    t.is(firstWord(text), '', text);
    t.throws(() => assertRowStatement(text), rejection);
  }
});

test('a comment ends where PostgreSQL ends it', (t) => {
  t.is(firstWord('/* /* */ select */ set x'), 'set');
  t.is(firstWord('/**/ set x'), 'set');
  t.is(firstWord('/***/set x'), 'set');
  t.is(firstWord('/*/**/*/set x'), 'set');
  t.is(firstWord('/* -- */ set x'), 'set');
  t.is(firstWord('-- /*\nset x'), 'set');
  t.is(firstWord('--\rset x'), 'set');
  t.is(firstWord('--\u2028set x\nselect'), 'select');
});

test('rejects an empty text and text without a first word', (t) => {
  for (const text of [
    '',
    ' ',
    ';',
    '; select 1',
    '"select" 1',
    '$1',
    '1',
    '()',
    '((',
    '[select]',
    '\\select',
    "'x'",
  ]) {
    t.throws(() => assertRowStatement(text), rejection, text);
  }
});

test('reads the first word in linear time', (t) => {
  // CPU time: the machine may be slow.
  const before = process.cpuUsage();
  for (const part of ['(', ' ', '/*', '/**/', '--\n', '/* */(']) {
    firstWord(part.repeat(20_000));
  }
  t.true(process.cpuUsage(before).user < 5_000_000);
});

test('throws no other error for any text', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        assertRowStatement(text);
      } catch (error) {
        t.like(error, { code: 'statement_refused' });
      }
    }),
  );
  t.pass();
});
