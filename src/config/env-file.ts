import { existsSync, readFileSync } from 'node:fs';

import { OperatorError } from '../errors.ts';

const BLANK = /^\s*(?:#.*)?$/;
const ASSIGNMENT = /^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.-]*\s*=\s*(.*)$/;

/**
 * Returns a sentence for each line of an environment file that Node would ignore or misread.
 * Values are not quoted: they may be secrets.
 */
export function findBrokenLines(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const faults: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const value = ASSIGNMENT.exec(line)?.[1];
    if (value === undefined) {
      if (!BLANK.test(line)) {
        faults.push(`line ${at + 1} must be NAME=value`);
      }
      continue;
    }
    const quote = /^["'`]/.exec(value)?.[0];
    if (quote !== undefined && !value.slice(1).includes(quote)) {
      // A quoted value may span several lines.
      const end = lines.findIndex((further, place) => place > at && further.includes(quote));
      if (end < 0) {
        faults.push(`line ${at + 1} has an unclosed quote (${quote})`);
      } else {
        at = end;
      }
    }
  }
  return faults;
}

/**
 * Loads an environment file, if it exists. Variables of the environment take precedence.
 *
 * @param load `process.loadEnvFile`
 * @throws OperatorError `configuration_invalid` naming the broken lines
 */
export function loadEnvFile(file: string, load: (file: string) => void): void {
  if (!existsSync(file)) {
    return;
  }
  const faults = findBrokenLines(readFileSync(file, 'utf8'));
  if (faults.length > 0) {
    throw new OperatorError(
      'configuration_invalid',
      `The file ${file} is invalid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
  load(file);
}
