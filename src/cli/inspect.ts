import type { L2Switch } from '../fabric/l2-switch.ts'
import {
  type Shown,
  showAddresses,
  showFdb,
  showLinks,
  showNeighbours,
  showRoutes,
} from '../host/show.ts'
import { buildWorld } from '../scenario/builder.ts'
import { suggest } from '../scenario/did-you-mean.ts'
import type { World } from '../scenario/world.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { parseQuantity } from '../sim/quantities.ts'
import { formatDuration } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { formatMac } from '../wire/mac-address.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { load, selectVariants } from './load.ts'

interface InspectFlags {
  readonly at?: string
  readonly json?: boolean
  readonly variant?: string
  readonly panel?: string
  readonly seed?: string
  readonly set?: readonly string[]
}

type Show = (namespace: NetNamespace) => Shown

const COMMANDS: ReadonlyMap<string, Show> = new Map([
  ['ip route', showRoutes],
  ['ip neigh', showNeighbours],
  ['ip link', showLinks],
  ['ip addr', showAddresses],
  ['bridge fdb', showFdb],
  ['iptables-save', showRules],
])

function showRules(namespace: NetNamespace): Shown {
  const text = namespace.filter?.save() ?? ''
  return { lines: text === '' ? [] : text.trimEnd().split('\n'), json: [{ rules: text }] }
}

/** `encap inspect FILE NODE COMMAND...`: runs to an instant, then prints a table as the tool would. */
export function inspectCommand(
  file: string,
  node: string,
  words: readonly string[],
  flags: InspectFlags,
): void {
  const wanted = flags.variant === undefined ? [] : [flags.variant]
  const [scenario] = selectVariants(load(file, flags), wanted, file)
  const world = buildWorld(scenario!, builtinSchemes)
  world.simulator.run(flags.at === undefined ? scenario!.duration : timeOf(flags.at))
  const shown = tableOf(world, node, words.join(' '))
  const lines = flags.json ? [JSON.stringify(shown.json, null, 1)] : shown.lines
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

function timeOf(text: string): number {
  const parsed = parseQuantity('duration', text)
  if (parsed.ok) return parsed.value
  throw new ExitError(EXIT_BAD_INPUT, `--at: ${parsed.message}; ${parsed.remedy}`)
}

function tableOf(world: World, node: string, command: string): Shown {
  const l2 = world.switches.get(node)
  if (l2) {
    if (command === 'mac') return macTable(l2)
    throw new ExitError(EXIT_BAD_INPUT, `${node} is a switch: it can show "mac"`)
  }
  const namespace = namespaceOf(world, node)
  if (!namespace) {
    if (world.clouds.has(node)) {
      throw new ExitError(EXIT_BAD_INPUT, `${node} is a cloud's network: it has no table to show`)
    }
    const remedy = suggest(node, nodesOf(world), 'nodes')
    throw new ExitError(EXIT_BAD_INPUT, `there is no node "${node}"; ${remedy}`)
  }
  const show = COMMANDS.get(command)
  if (show !== undefined) return show(namespace)
  const remedy = suggest(command, [...COMMANDS.keys()], 'what can be shown')
  throw new ExitError(EXIT_BAD_INPUT, `cannot show "${command}"; ${remedy}`)
}

function nodesOf(world: World): string[] {
  const hosts = [...world.hosts.values()]
  const containers = hosts.flatMap((host) => [...host.containers.keys()])
  return [...world.hosts.keys(), ...world.routers.keys(), ...world.switches.keys(), ...containers]
}

function namespaceOf(world: World, node: string): NetNamespace | undefined {
  const host = world.hosts.get(node)?.root ?? world.routers.get(node)?.namespace
  if (host) return host
  for (const { containers } of world.hosts.values()) {
    const namespace = containers.get(node)
    if (namespace) return namespace
  }
  return undefined
}

/** The MAC table of a switch: VLAN, address, kind, port, age. */
function macTable(device: L2Switch): Shown {
  const { now } = device
  const entries = [...device.table.entries(now)]
  const lines = entries.map(({ vlan, mac, port, lastSeen, isStatic }) => {
    const kind = isStatic ? 'static' : 'dynamic'
    const age = isStatic ? '-' : formatDuration(now - lastSeen)
    return `${String(vlan).padStart(4)}  ${formatMac(mac)}  ${kind.padEnd(7)}  ${device.ports[port]!.name.padEnd(5)} ${age}`
  })
  const json = entries.map(({ vlan, mac, port, lastSeen, isStatic }) => ({
    vlan,
    mac: formatMac(mac),
    port: device.ports[port]!.name,
    static: isStatic,
    age: now - lastSeen,
  }))
  return { lines: ['vlan  mac                type     port  age', ...lines], json }
}
