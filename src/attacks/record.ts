import type { ContextMode } from '../tenancy/install/shared-files.ts';
import type { Extension } from '../tenancy/registry/project.ts';
import type { AttackContext, Guess } from './context.ts';
import type { Channel } from './send-as-acme.ts';
import type { Wall } from './walls.ts';

/** What the attacker controls. */
export type Controls =
  | 'an HTTP request'
  | 'one SQL expression'
  | 'one statement'
  | 'several statements'
  | 'a session left behind'
  | 'a stale cache'
  | 'a wrong configuration';

/**
 * How a leak is detected. `row`: a canary row of the other tenant in the results. `change`: a changed
 * row of the other tenant. `bit`: different results for a right and a wrong guess about a row of the
 * other tenant.
 */
export type Leak = 'row' | 'change' | 'bit';

/** The fixture of an attack that needs only a database. */
export type AttackFixture = Readonly<{
  world: AttackContext;
  replacements: Readonly<{ channel: Channel }>;
  guess: Guess;
  /** Sends statements in a transaction of acme. Returns all results and errors. */
  send: (statements: readonly string[]) => Promise<unknown>;
}>;

/** One attempt of the tenant acme on the tenant globex. */
export type Attack<Fixture = AttackFixture> = Readonly<{
  id: string;
  /** A sentence: the statement that the attack tests. */
  name: string;
  controls: Controls;
  /** The first wall must stop the attack. Each of the others would stop it alone. */
  walls: readonly [Wall, ...Wall[]];
  leak: Leak;
  /** Runs the attack, and returns everything that the attacker received. */
  action: (fixture: Fixture) => Promise<unknown>;
  /** Set if the attack applies to one context mode only. */
  contextMode?: ContextMode;
  /** The first `server_version_num` that has what the attack uses. */
  since?: number;
  /** The extension that the attack uses. It applies only to installations that have it. */
  extension?: Extension;
  /** The other tenant itself writes during the attack, so its changed rows are not a leak. */
  victimWrites?: true;
}>;

export type Category<Fixture = AttackFixture> = Readonly<{
  title: string;
  attacks: ReadonlyArray<Attack<Fixture>>;
}>;

type Texts = string | readonly string[] | ((fixture: AttackFixture) => string | readonly string[]);

/**
 * Creates an attack that consists of SQL texts in a transaction of acme.
 *
 * `plant`: statements that add the rows under attack to globex, with `CANARY` in them. They run once, inside
 * globex, with unqualified names.
 */
export function sqlAttack(
  facts: Omit<Attack, 'action' | 'leak'> & Readonly<{ leak?: Leak; texts: Texts; plant?: string }>,
): Attack {
  const { texts, leak = 'row', plant, ...rest } = facts;
  const planted = new WeakSet<AttackContext>();
  return {
    ...rest,
    leak,
    action: async (fixture) => {
      const { world } = fixture;
      if (plant !== undefined && !planted.has(world)) {
        await world.migrating(world.globex, plant);
        planted.add(world);
      }
      return fixture.send([typeof texts === 'function' ? texts(fixture) : texts].flat());
    },
  };
}

/** The facts about an installation that decide which attacks apply to it. */
export type Installation = Readonly<{
  contextMode: ContextMode;
  /** PostgreSQL's `server_version_num`. */
  version: number;
  /** Extensions in the schema `extensions`. */
  extensions: readonly string[];
}>;

/** Whether the attack applies to an installation. */
export const appliesTo = (
  { contextMode, since = 0, extension }: Pick<Attack, 'contextMode' | 'since' | 'extension'>,
  installation: Installation,
): boolean =>
  (contextMode ?? installation.contextMode) === installation.contextMode &&
  installation.version >= since &&
  (extension === undefined || installation.extensions.includes(extension));

/** Whether the attack also runs without the driver: wall 0 must stop it, and another wall would too. */
export const runsWithoutDriver = ({ walls }: Pick<Attack, 'walls'>): boolean =>
  walls[0] === 'statement' && walls.length > 1;
