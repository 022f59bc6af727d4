import { seen } from '../../src/attacks/evaluate.ts';
import type { Attack } from '../../src/attacks/record.ts';
import { canaryIn } from '../../src/attacks/send-as-acme.ts';
import type { FormClient } from './form-client.ts';
import type { TestService } from './server.ts';
import { importWithout, type Rule } from './without-rules.ts';
import type { World } from './world.ts';

/** The fixture of an attack over HTTP on a rule of the service. */
export type HttpFixture = Readonly<{
  world: World;
  service: TestService;
  /** Opens a browser without cookies. */
  browser: (host: string) => FormClient;
  /** The value that an oracle guesses: one that exists, or one that does not. */
  guess: string;
}>;

/** An attack in the form of the suite: one request, and the rule that stops it. */
export type HttpAttack<Fixture extends HttpFixture = HttpFixture> = Pick<
  Attack<Fixture>,
  'id' | 'name' | 'controls' | 'leak' | 'action'
> &
  Readonly<{
    /** Null: no rule stops it, because the response does not depend on the secret. */
    rule: Rule | null;
  }>;

export const attackHttp = <Fixture extends HttpFixture>(
  facts: Omit<HttpAttack<Fixture>, 'controls' | 'leak'> & Partial<Pick<HttpAttack, 'leak'>>,
): HttpAttack<Fixture> => ({ controls: 'an HTTP request', leak: 'row', ...facts });

/** Returns the finding if the attack succeeded. */
export const found = (isFound: boolean, what: string): readonly string[] => (isFound ? [seen(what)] : []);

/** Returns what an attack got, or null. `right` and `wrong` are the guesses of an oracle. */
async function evaluateOne<Fixture extends HttpFixture>(
  attack: HttpAttack<Fixture>,
  fixtureOf: (guess: string) => Fixture,
  { right, wrong }: Readonly<{ right: string; wrong: string }>,
): Promise<string | null> {
  const received = await attack.action(fixtureOf(right));
  const read = canaryIn(received);
  if (read || attack.leak !== 'bit') {
    return read;
  }
  const textOf = (value: unknown, guess: string): string =>
    JSON.stringify(value)
      .replaceAll(guess, '<guess>')
      // Tokens of forms, IDs and times differ between any two responses.
      .replaceAll(/[\w-]{22,}(?:\.[\w-]{22,})?|\d\d:\d\d:\d\d/g, '<any>');
  const wrongly = await attack.action(fixtureOf(wrong));
  return textOf(received, right) === textOf(wrongly, wrong) ? null : 'the responses to two guesses differ';
}

/** Returns a module of the repository without the rules of these attacks. */
export const withoutRulesOf = (
  graph: string,
  attacks: ReadonlyArray<Pick<HttpAttack, 'rule'>>,
  file: string,
): Promise<unknown> =>
  importWithout(
    graph,
    attacks.flatMap(({ rule }) => rule ?? []),
    file,
  );

/** Attacks over HTTP, with a service. The modules `http-attack-suite.ts` open them. */
export type HttpAttackSuite = Readonly<{
  attacks: ReadonlyArray<Pick<HttpAttack, 'id' | 'name' | 'rule'>>;
  /** Returns what an attack got, or null. `weak`: of a service without the rules. */
  evaluate: (id: string, on?: 'service' | 'weak') => Promise<string | null>;
  /** Errors of the service that nobody expected. */
  bugs: readonly unknown[];
  close: () => Promise<void>;
}>;

/** Returns the suite of attacks on a service, and on a weak one that is started when it is needed. */
export function createHttpAttackSuite<Fixture extends HttpFixture>({
  attacks,
  guesses,
  fixtureOf,
  openWeak,
  service,
  close,
}: Readonly<{
  attacks: ReadonlyArray<HttpAttack<Fixture>>;
  guesses: Readonly<{ right: string; wrong: string }>;
  fixtureOf: (on: 'service' | 'weak') => (guess: string) => Fixture;
  openWeak: () => Promise<void>;
  service: TestService;
  close: () => Promise<void>;
}>): HttpAttackSuite {
  let weak: Promise<void> | undefined;
  return {
    attacks,
    evaluate: async (id, on = 'service') => {
      const attack = attacks.find((one) => one.id === id);
      if (!attack) {
        throw new TypeError(`No attack has the id ${id}.`);
      }
      if (on === 'weak') {
        weak ??= openWeak();
        await weak;
      }
      return evaluateOne(attack, fixtureOf(on), guesses);
    },
    bugs: service.bugs,
    close,
  };
}
