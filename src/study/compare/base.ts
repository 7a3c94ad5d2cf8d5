import type { Scenario } from '../../scenario/model.ts'
import type { Case } from './case.ts'
import type { Section } from './entrant.ts'

/** What all entrants have in common: fabric, hosts, containers and traffic of a file. */
export interface Base {
  readonly file: string
  readonly name: string
  /** Sections of the file, without those that an entrant or a question sets. */
  readonly sections: Section
  readonly fabric: Section
  readonly seed: string
  /** Host names in the scenario's order, without `outside`. */
  readonly hosts: readonly string[]
  /** What the comparison is to be judged by; null = nothing. */
  readonly needs: Scenario['needs']
  /** The section `networks`, under an entrant. */
  networks(asked: Pick<Case, 'network'>): Section
}

/** Sections that are the entrants' and the questions', whatever the file has. */
const LEFT_OUT = new Set(['networks', 'store', 'expect', 'captures', 'variants', 'panels', 'needs'])

/** @param raw the file as it was read. @param scenario what the loader made of it. */
export function baseOf(raw: Section, scenario: Scenario): Base {
  const entries = Object.entries(raw).filter(([key]) => !LEFT_OUT.has(key))
  const names = scenario.networks.map(({ name }) => name)
  return {
    file: scenario.file,
    name: scenario.name,
    sections: Object.fromEntries(entries),
    fabric: (raw['fabric'] ?? {}) as Section,
    seed: scenario.seed,
    needs: scenario.needs,
    hosts: scenario.hosts.map(({ name }) => name).filter((name) => name !== 'outside'),
    networks: (asked) =>
      Object.fromEntries(
        names.map((name, i) => [name, asked.network(i === 0 ? 'first' : 'another')]),
      ),
  }
}
