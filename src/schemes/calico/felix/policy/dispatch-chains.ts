import { endpointChain } from './chain-names.ts'
import { comment, goto, rule } from './marks.ts'
import { DENY } from './rule-renderer.ts'

export interface DispatchSpec {
  readonly chain: string
  readonly way: 'in' | 'out'
  /** Of the chains of the endpoints. */
  readonly prefix: string
  /** What becomes of packets of other devices. */
  readonly end: readonly string[]
}

/** A device that Felix does not know of yet, or no more: nothing passes. */
export const UNKNOWN_INTERFACE: readonly string[] = [rule(comment('Unknown interface'), DENY)]

/**
 * From the device of a packet to the chain of its endpoint (felix/rules/dispatch.go): a shallow tree by the
 * first character in which the devices' names differ.
 * @returns the rules of each chain by its name, the root's among them.
 */
export function dispatchChains(spec: DispatchSpec, devices: readonly string[]) {
  const chains = new Map<string, string[]>()
  const names = [...devices].sort()
  const common = commonPrefix(names)
  const root: string[] = []
  for (const [prefix, group] of groupsOf(names, common.length)) {
    const [only] = group
    if (group.length === 1) {
      root.push(toEndpoint(spec, only!))
      continue
    }
    const child = `${spec.chain}-${prefix.slice(common.length)}`
    root.push(rule(deviceMatch(spec, `${prefix}+`), goto(child)))
    chains.set(child, [...group.map((name) => toEndpoint(spec, name)), ...spec.end])
  }
  chains.set(spec.chain, [...root, ...spec.end])
  return chains
}

function deviceMatch({ way }: DispatchSpec, name: string): string {
  return `--${way}-interface ${name}`
}

function toEndpoint(spec: DispatchSpec, device: string): string {
  return rule(deviceMatch(spec, device), goto(endpointChain(spec.prefix, device)))
}

function groupsOf(names: readonly string[], length: number): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const name of new Set(names)) {
    const prefix = name.slice(0, length + 1)
    const group = groups.get(prefix)
    if (group === undefined) groups.set(prefix, [name])
    else group.push(name)
  }
  return groups
}

/** Of names in order: what the first and the last have in common. */
function commonPrefix(names: readonly string[]): string {
  const [first = '', last = ''] = [names[0], names.at(-1)]
  let length = 0
  while (length < first.length && first[length] === last[length]) length++
  return first.slice(0, length)
}
