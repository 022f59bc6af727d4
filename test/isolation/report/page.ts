import escapeHtml from 'escape-html';
import { WALLS, type Wall } from '../../../src/attacks/walls.ts';
import type { Attack } from '../attacks/attack.ts';
import { categories } from '../attacks/index.ts';
import type { AttackResult, SwitchResult } from '../evaluate-walls.ts';
import { switches } from '../switches/index.ts';
import { type Cell, cellOf, openedBy } from './matrix.ts';

/** One world that was attacked. */
export type Run = Readonly<{
  title: string;
  attacks: readonly AttackResult[];
  switches: readonly SwitchResult[];
  /** Ids of attacks that succeed here and are documented. */
  expected: readonly string[];
}>;

export type Report = Readonly<{
  server: string;
  node: string;
  at: string;
  /** Seconds. */
  duration: number;
  passed: boolean;
  faults: readonly string[];
  runs: readonly Run[];
}>;

const CSS = `
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
  h1 { margin-bottom: 0 } .lead { color: #556 } .verdict { font-size: 1.3rem; padding: .6rem 1rem; border-radius: .4rem }
  .held { background: #e3f4e6 } .leak { background: #fbdcdc } .known { background: #fdf1cf }
  table { border-collapse: collapse; width: 100%; margin: 1rem 0 } th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #dde }
  th { position: sticky; top: 0; background: #fff } code { font-size: .85em; white-space: nowrap } .c { text-align: center } .n { text-align: right; white-space: nowrap }
  h3 { margin: 1.5rem 0 0 } .small { font-size: .85em; color: #556 } details { margin: .5rem 0 }`;

const cell = (run: Run, id: string): string => {
  const result = run.attacks.find((one) => one.id === id);
  if (!result) {
    return '<td class="small">not here</td>';
  }
  const leaked = result.leak ?? result.withoutDriver;
  const known = leaked && run.expected.includes(id);
  return `<td class="${leaked ? (known ? 'known' : 'leak') : 'held'}" title="${escapeHtml(leaked ?? '')}">${
    leaked ? (known ? 'known loss' : 'LEAK') : result.withoutDriver === null ? 'held, twice' : 'held'
  } <span class="small">${result.duration} ms</span></td>`;
};

const columns = (runs: readonly Run[]): string =>
  runs.map(({ title }) => `<th>${escapeHtml(title)}</th>`).join('');

const SIGNS: Readonly<Record<Cell, readonly [sign: string, look: string]>> = {
  alone: ['●', 'held'],
  held: ['○', ''],
  notStopped: ['✗', 'leak'],
  untried: ['?', 'small'],
};

/** Returns the walls of a category's attacks, in the order of the list of walls. */
const wallsOf = (attacks: readonly Attack[]): readonly Wall[] =>
  (Object.keys(WALLS) as Wall[]).filter((wall) => attacks.some(({ walls }) => walls.includes(wall)));

function wallCell(attack: Attack, wall: Wall, results: readonly SwitchResult[]): string {
  if (!attack.walls.includes(wall)) {
    return '<td></td>';
  }
  const [sign, look] = SIGNS[cellOf(attack, wall, results)];
  const opened = openedBy(attack, wall, results).join(', ');
  const shown = attack.walls[0] === wall ? `<b>${sign}</b>` : sign;
  return `<td class="c ${look}" title="${escapeHtml(`${WALLS[wall]}${opened ? `; opened by ${opened}` : ''}`)}">${shown}</td>`;
}

const matrix = (runs: readonly Run[]): string => {
  const results = runs.flatMap(({ switches: down }) => down);
  return categories
    .map(({ title, attacks }) => {
      const walls = wallsOf(attacks);
      const rows = attacks.map((attack) => {
        const { id, name, controls, leak } = attack;
        const cells = walls.map((wall) => wallCell(attack, wall, results)).join('');
        return `<tr><td><code>${id}</code></td><td>${escapeHtml(name)}</td><td>${controls}</td><td>${leak}</td>${cells}${runs.map((run) => cell(run, id)).join('')}</tr>`;
      });
      return `<h3>${escapeHtml(title)} (${attacks.length})</h3>
<table><tr><th>id</th><th>what is prevented</th><th>attacker controls</th><th>evidence</th>${walls.map((wall) => `<th class="c" title="${escapeHtml(WALLS[wall])}">${wall}</th>`).join('')}${columns(runs)}</tr>
${rows.join('\n')}</table>`;
    })
    .join('\n');
};

const switchCell = (run: Run, id: string): string => {
  const result = run.switches.find((one) => one.id === id);
  return result
    ? `<td class="n ${result.succeeded.length > 0 && result.notStopped.length === 0 ? 'held' : 'leak'}" title="${escapeHtml(result.succeeded.join(' '))}">${result.succeeded.length}</td>`
    : '<td class="small">not here</td>';
};

const switchTable = (runs: readonly Run[]): string => `<table>
<tr><th>id</th><th>effect</th><th>wall</th>${columns(runs)}<th>found by <code>tenants check</code></th></tr>
${switches
  .map(
    ({ id, name, wall }) =>
      `<tr><td><code>${id}</code></td><td>${escapeHtml(name)}</td><td><b>${wall}</b></td>${runs.map((run) => switchCell(run, id)).join('')}<td class="small">${[...new Set(runs.flatMap((run) => run.switches.find((one) => one.id === id)?.checks ?? []))].join(', ') || '-'}</td></tr>`,
  )
  .join('\n')}</table>`;

/** Returns the report as one self-contained page. It explains all terms. */
export function reportPage({ server, node, at, duration, passed, faults, runs }: Report): string {
  const withSwitches = runs.filter((run) => run.switches.length > 0);
  const shown = new Set(runs.flatMap((run) => run.switches.flatMap(({ succeeded }) => succeeded)));
  const count = runs.reduce((sum, run) => sum + run.attacks.length, 0);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Isolation of tenants</title><style>${CSS}</style>
<h1>Isolation of tenants</h1>
<p class="lead">koa-tenants stores many customers ("tenants") in one PostgreSQL database, each in its own schema. In this report one tenant, acme, attacks another, globex.</p>
<p class="verdict ${passed ? 'held' : 'leak'}">${passed ? `Every wall held: ${count} attempts, no leak beyond what is documented.` : `${faults.length} faults.`}</p>
${faults.length > 0 ? `<ul>${faults.map((fault) => `<li>${escapeHtml(fault)}</li>`).join('')}</ul>` : ''}
<p class="small">${escapeHtml(server)} · Node ${escapeHtml(node)} · ${escapeHtml(at)} · ${duration} s</p>
<h2>The claim</h2>
<p>SQL injected into a statement of one tenant's request reads or changes no other tenant's row. An attacker who can send <em>any</em> statement on the
service's own connection still reads none directly, but can infer values of other tenants (from EXPLAIN and timing) and slow them down.</p>
<h2>The walls</h2>
<table><tr><th>id</th><th>wall</th><th class="n">attacks</th></tr>
${Object.entries(WALLS)
  .map(
    ([wall, text]) =>
      `<tr><td><b>${wall}</b></td><td>${escapeHtml(text)}</td><td class="n">${categories.flatMap(({ attacks }) => attacks).filter(({ walls }) => walls.includes(wall as Wall)).length}</td></tr>`,
  )
  .join('\n')}</table>
<h2>Disabled walls</h2>
<p>These runs show that the suite detects a missing wall. For each switch, all <em>other</em> walls that would stop an attack are disabled first, and no attack may succeed. Then the switch is applied, and
attacks must succeed. The cell is their number. The suite fails if it is zero, or if an attack succeeded before.</p>
${switchTable(withSwitches)}
<h2>Attacks</h2>
<p>An error alone is not a leak. A leak is a canary row of globex in a response to acme (<em>row</em>), a change of globex's rows (<em>change</em>), or different responses to a right and a wrong guess at globex's rows (<em>bit</em>).
Cells: <b>●</b> proven alone: with every other wall of the row disabled the attack failed, and with this wall disabled too it
succeeded; <b>○</b> the attack failed even with all walls of the row disabled, so it is not shown which wall stops it; <b>✗</b> the attack succeeded with the wall enabled; <b>?</b> no run
disabled the wall for this attack; empty: the wall does not apply. Bold: the wall that must stop the attack. The tooltip of a cell lists the switches that opened it. ${shown.size} of ${categories.flatMap(({ attacks }) => attacks).length}
attacks succeeded with their walls disabled. "held, twice": through the driver, and on a bare connection of the service's login. A run named "not hardened" shows what is lost on a server that cannot be hardened.</p>
${matrix(runs)}
<h2>Out of scope</h2>
<ul><li>Code execution in the Node process, which holds the proof key.</li><li>A superuser, BYPASSRLS, the migrating login.</li>
<li>Names of schemas, roles and tables, and rough sizes (<code>pg_class.reltuples</code>), which the system catalogs show to every role.</li>
<li>Values that an attacker with arbitrary statements infers from EXPLAIN and timing, and tenants that it slows down with locks and load.</li></ul>
<p class="small">Definitions, and how to repeat the run: docs/isolation.md, <code>make isolation</code>.</p></html>`;
}
