import type { Readable, Writable } from 'node:stream';
import type { Command as Parser } from 'commander';

import type { Config } from '../../config/config.ts';
import type { TenancyProject } from '../../tenancy/registry/project.ts';
import type { Progress } from './progress.ts';

/** An output stream, which may be a terminal. */
export type Output = Writable & Readonly<{ isTTY?: boolean | undefined; columns?: number | undefined }>;

/** The environment of a command: configuration, input and output. */
export type CliDeps = Readonly<{
  /** The apps of this installation. */
  project: TenancyProject;
  /** Returns the environment including the content of secret files. Not validated. */
  environment: () => Promise<Readonly<Record<string, string | undefined>>>;
  /**
   * Returns the validated configuration.
   *
   * @throws OperatorError `configuration_invalid`
   */
  config: () => Promise<Config>;
  /**
   * Returns the URL of the migration login.
   *
   * @throws OperatorError `configuration_invalid` when it is not set
   */
  ownerUrl: () => Promise<string>;
  print: (line: string) => void;
  /** Prints progress and warnings, which are not part of the result. */
  note: (line: string) => void;
  /** Shows a bar for `total` steps on a terminal, and a line for each step elsewhere. Stop it in a `finally`. */
  progress: (title: string, total: number) => Progress;
  /** Returns the text in red on a terminal, unchanged elsewhere. */
  red: (text: string) => string;
  /** Whether the command can prompt on a terminal. */
  terminal: boolean;
  /** Resolves when the process receives a stop signal. The caller must then end. */
  stopped: () => Promise<void>;
  /** Prompts on a terminal, and reads the next line of standard input elsewhere. A secret is not echoed. */
  ask: (question: string, options?: { secret?: boolean }) => Promise<string>;
  /** Input and output of an interactive command, and whether the input is a terminal. */
  stdio: Readonly<{ input: Readable; output: Writable; interactive: boolean }>;
  /** The streams of results, and of messages and progress. */
  outputs: Readonly<{ stdout: Output; stderr: Output }>;
}>;

export type CliCommand<Options = Record<string, never>> = Readonly<{
  name: string;
  summary: string;
  /** Set if --schema does not name the tenant that the command works in: it creates one, or runs another command. */
  inTenant?: false;
  /**
   * What the audit records after the command has used the migrating login: returns declared options, which must contain
   * no secret, or null to record nothing. False: the command only reads, or the registry records its changes itself.
   * Default: the name of the command and the tenant.
   */
  audited?: false | ((options: Options) => Readonly<Record<string, unknown>> | null);
  /** Declares the options. `--help` is added automatically. */
  declare: (parser: Parser, project: TenancyProject) => void;
  /** Runs the command. `words` are the positional arguments. */
  run: (options: Options, deps: CliDeps, words: readonly string[]) => Promise<void>;
}>;
