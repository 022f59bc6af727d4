import type { Readable, Writable } from 'node:stream';
import type { Command as Parser } from 'commander';

import type { Config } from '../../config/config.ts';
import type { TenancyProject } from '../../tenancy/registry/project.ts';
import type { Progress } from './progress.ts';

/** What a command may use of the world around it. */
export type CliDeps = Readonly<{
  /** The apps of this installation. */
  project: TenancyProject;
  /** What the environment says, with what stands in files; not checked. */
  environment: () => Promise<Readonly<Record<string, string | undefined>>>;
  /** The checked configuration. @throws DomainError `configuration_invalid` */
  config: () => Promise<Config>;
  /** The migrating login's URL. @throws DomainError `configuration_invalid` when it is not set */
  ownerUrl: () => Promise<string>;
  print: (line: string) => void;
  /** For what is not the command's answer: progress, warnings. */
  note: (line: string) => void;
  /** A bar for `total` steps on a terminal, a line a step elsewhere. Stop it in a `finally`. */
  progress: (title: string, total: number) => Progress;
  /** Red on a terminal, plain elsewhere. */
  red: (text: string) => string;
  /** Whether somebody is there to be asked. */
  terminal: boolean;
  /** Resolves when the process is asked to end, which is then up to the caller. */
  stopped: () => Promise<void>;
  /** Asks on a terminal, reads the next line of standard input elsewhere. A secret is not echoed. */
  ask: (question: string, options?: { secret?: boolean }) => Promise<string>;
  /** For a command that is a conversation: what is typed, where it is echoed, and whether a person types. */
  stdio: Readonly<{ input: Readable; output: Writable; interactive: boolean }>;
}>;

export type CliCommand<Options = Record<string, never>> = Readonly<{
  name: string;
  summary: string;
  /** Set where --schema does not name the tenant that it works in: it makes one, or runs another command. */
  inTenant?: false;
  /** Declares the options; `--help` comes by itself. */
  declare: (parser: Parser, project: TenancyProject) => void;
  /** `words` are what stands on the command line beside the options. */
  run: (options: Options, deps: CliDeps, words: readonly string[]) => Promise<void>;
}>;
