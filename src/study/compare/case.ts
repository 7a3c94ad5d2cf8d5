import { stringify } from 'yaml'
import { buildWorld } from '../../scenario/builder.ts'
import { loadScenario } from '../../scenario/load.ts'
import type { Scenario } from '../../scenario/model.ts'
import type { Schemes } from '../../schemes/registry.ts'
import type { RunResult } from '../result.ts'
import { Run } from '../run.ts'
import type { Base } from './base.ts'
import type { Entrant, Section } from './entrant.ts'
import { Trial } from './trial.ts'

/** An entrant cannot be set up so: what the check of the scenario says. */
export class Refusal extends Error {
  override name = 'Refusal'
  /** Of the scenario that was refused. */
  readonly key: string

  constructor(key: string, message: string) {
    super(message)
    this.key = key
  }
}

/** One entrant on the base, with one seed: what a question works with. */
export class Case {
  readonly base: Base
  readonly entrant: Entrant
  readonly seed: string
  /** Texts of all scenarios that were run, by the keys that evidence names. */
  readonly scenarios = new Map<string, string>()
  private readonly schemes: Schemes

  constructor(base: Base, entrant: Entrant, seed: string, schemes: Schemes) {
    this.base = base
    this.entrant = entrant
    this.seed = seed
    this.schemes = schemes
  }

  /** The entrant's network as a file has it; the second one differs in what the scheme says. */
  network(which: 'first' | 'another' = 'first', more: Section = {}): Section {
    const { scheme, options, another } = this.entrant
    return { scheme, ...options, ...(which === 'another' ? another : {}), ...more }
  }

  /**
   * The base with the entrant's networks, and with whole sections replaced; null takes one away, and
   * `fabric` adds to that of the base. Throws a Refusal when it cannot be so.
   * @param what tells the scenario from the entrant's others, in evidence.
   */
  scenario(what: string, sections: Section): { readonly key: string; readonly scenario: Scenario } {
    const { key, text } = this.write(what, sections)
    this.scenarios.set(key, text)
    const loaded = loadScenario(text, this.base.file, this.schemes)
    if (!loaded.ok) throw new Refusal(key, loaded.issues.map(({ message }) => message).join('; '))
    return { key, scenario: loaded.scenarios[0]! }
  }

  private write(what: string, sections: Section): { readonly key: string; readonly text: string } {
    const { base, entrant, seed } = this
    const raw = {
      ...base.sections,
      name: what.replaceAll(/[^A-Za-z0-9.-]+/g, '-'),
      seed,
      networks: base.networks(this),
      store: entrant.store,
      ...sections,
      fabric: { ...base.fabric, ...((sections['fabric'] ?? {}) as Section), ...entrant.fabric },
    }
    const present = Object.entries(raw).filter(([, value]) => value !== null)
    const text = stringify(Object.fromEntries(present))
    return { key: `${entrant.name}: ${what}, seed ${seed}`, text }
  }

  /** Whether networks can be so beside each other on all hosts. */
  isPossible(networks: Section): boolean {
    const names = Object.keys(networks)
    const containers = this.base.hosts.map((host) => ({ name: `c-${host}`, host, networks: names }))
    const sections = { networks, containers, workload: null, faults: null, duration: '1s' }
    const { text } = this.write('possible', sections)
    return loadScenario(text, this.base.file, this.schemes).ok
  }

  /** A whole run with the workloads and faults of its scenario. */
  run(what: string, sections: Section): { readonly key: string; readonly result: RunResult } {
    const { key, scenario } = this.scenario(what, sections)
    const run = new Run(scenario, this.schemes, { capture: false })
    while (!run.advance(Number.MAX_SAFE_INTEGER));
    return { key, result: run.result() }
  }

  /** A world in which probes are sent by hand; the clock stands at 0. */
  trial(what: string, sections: Section): Trial {
    const { key, scenario } = this.scenario(what, sections)
    return this.begin(key, scenario)
  }

  /** As `trial`, of a scenario that has been changed beyond what a file may say. */
  begin(key: string, scenario: Scenario): Trial {
    return new Trial(key, buildWorld(scenario, this.schemes))
  }
}
