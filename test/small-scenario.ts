/** Scenarios of two hosts, as text that a test completes. */
import { formatIssues } from '../src/scenario/issues.ts'
import { loadScenario } from '../src/scenario/load.ts'
import type { Scenario } from '../src/scenario/model.ts'
import { builtinSchemes } from '../src/schemes/registry.ts'

const HEAD = `name: small
fabric: { racks: 1, hostsPerRack: 2, links: 1Gbps }
hosts: { costs: none }
networks: { app: { scheme: macvlan } }
containers: { perHost: 1, networks: app }
`

/** @param parts further sections of the file. @param settings as `--set` takes them. */
export function scenario(parts: string, ...settings: readonly string[]): Scenario {
  const loaded = loadScenario(HEAD + parts, 'small.yaml', builtinSchemes, { settings })
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return loaded.scenarios[0]!
}
