import { speakerIn } from '../control/bgp/daemon.ts'
import { type Shown, type ShowOptions, showFdb, showNeighbours, showRoutes } from '../host/show.ts'
import { showAddresses, showLinks } from '../host/show-links.ts'
import { showXfrmPolicies, showXfrmStates } from '../host/show-xfrm.ts'
import { buildWorld } from '../scenario/builder.ts'
import { suggest } from '../scenario/did-you-mean.ts'
import type { World } from '../scenario/world.ts'
import { parseQuantity } from '../sim/quantities.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { showBgpRoutes, showBgpSummary } from './inspect-bgp.ts'
import { showArpTable, showFib, showMacTable } from './inspect-fabric.ts'
import { showMember, showStore } from './inspect-store.ts'
import { parseWords, TOOL_COMMANDS, type ToolCommand, unknownCommand } from './inspect-words.ts'
import { load, selectVariants } from './load.ts'
import { schemesWith } from './user-schemes.ts'

interface InspectFlags {
  readonly at?: string
  readonly json?: boolean
  readonly pretty?: boolean
  readonly details?: boolean
  readonly statistics?: boolean
  readonly table?: string
  readonly variant?: string
  readonly panel?: string
  readonly seed?: string
  readonly set?: readonly string[]
  readonly scheme?: readonly string[]
}

/** What is shown of one node of the network; `words` are what stands behind its name. */
type Node = (words: readonly string[], flags: InspectFlags) => Shown

type Show = (namespace: NetNamespace, options: ShowOptions) => Shown

const TOOLS: Readonly<Record<Exclude<ToolCommand, 'iptables-save'>, Show>> = {
  'ip route': showRoutes,
  'ip neigh': showNeighbours,
  'ip xfrm state': showXfrmStates,
  'ip xfrm policy': showXfrmPolicies,
  'ip link': showLinks,
  'ip addr': showAddresses,
  'bridge fdb': showFdb,
}

/** `encap inspect FILE NODE COMMAND...`: runs to an instant, then prints a table as the tool would. */
export async function inspectCommand(
  file: string,
  name: string,
  words: readonly string[],
  flags: InspectFlags,
): Promise<void> {
  const wanted = flags.variant === undefined ? [] : [flags.variant]
  const schemes = await schemesWith(flags.scheme)
  const [scenario] = selectVariants(load(file, flags, schemes), wanted, file)
  const world = buildWorld(scenario!, schemes)
  world.simulator.run(flags.at === undefined ? scenario!.duration : timeOf(flags.at))
  const shown = nodeOf(world, name)(words, flags)
  const json = () => [JSON.stringify(shown.json, null, flags.pretty ? 4 : 0)]
  const lines = flags.json ? json() : shown.lines
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

function timeOf(text: string): number {
  const parsed = parseQuantity('duration', text)
  if (parsed.ok) return parsed.value
  throw new ExitError(EXIT_BAD_INPUT, `--at: ${parsed.message}; ${parsed.remedy}`)
}

function nodeOf(world: World, name: string): Node {
  const shown = storeNode(world, name)
  if (shown !== null) return shown
  const l2 = world.switches.get(name) ?? onlyOne(world.switches, name, 'switch')
  if (l2) return (words) => ofSwitch(l2.name, words, () => showMacTable(l2))
  const router = world.routers.get(name) ?? onlyOne(world.routers, name, 'router')
  if (router) {
    return (words, flags) => {
      const asked = words.join(' ')
      if (asked === 'fib' || asked === 'show ip cef') return showFib(router)
      if (asked === 'arp' || asked === 'show ip arp') return showArpTable(router)
      return bgpOf(router.namespace, asked) ?? ofNamespace(router.namespace, ROUTER, words, flags)
    }
  }
  const namespace = namespaceOf(world, name)
  if (namespace) {
    return (words, flags) =>
      bgpOf(namespace, words.join(' ')) ?? ofNamespace(namespace, [], words, flags)
  }
  if (world.clouds.has(name)) {
    throw new ExitError(EXIT_BAD_INPUT, `${name} is a cloud's network: it has no table to show`)
  }
  const remedy = suggest(name, nodesOf(world), 'nodes')
  throw new ExitError(EXIT_BAD_INPUT, `there is no node "${name}"; ${remedy}`)
}

/** What routers show beside a namespace's tables. */
const ROUTER = ['fib', 'arp', 'bgp', 'bgp routes']

/** Null where something else is asked for. */
function bgpOf(namespace: NetNamespace, asked: string): Shown | null {
  const isSummary = asked === 'bgp' || /^show (ip )?bgp summary$/.test(asked)
  if (!isSummary && asked !== 'bgp routes' && !/^show (ip )?bgp$/.test(asked)) return null
  const speaker = speakerIn(namespace)
  if (speaker === null) {
    throw new ExitError(EXIT_BAD_INPUT, `nothing speaks BGP on ${namespace.name} at that time`)
  }
  return isSummary ? showBgpSummary(speaker) : showBgpRoutes(speaker)
}

/** The store or a member of it; where a member's host has its name, words ask the host. */
function storeNode(world: World, name: string): Node | null {
  const { store } = world
  if (store === null) {
    if (name !== 'store' || namespaceOf(world, name)) return null
    throw new ExitError(EXIT_BAD_INPUT, 'the scenario has no store')
  }
  const member = store.members.find((each) => each.name === name)
  if (name !== 'store' && member === undefined) return null
  return (words, flags) => {
    if (words.length === 0) return member === undefined ? showStore(store) : showMember(member)
    if (member === undefined) {
      throw new ExitError(EXIT_BAD_INPUT, `store is shown whole; leave "${words.join(' ')}" out`)
    }
    return ofNamespace(member.host.root, [], words, flags)
  }
}

/** `switch` and `router` name the only one that there is. */
function onlyOne<Device>(devices: ReadonlyMap<string, Device>, name: string, kind: string) {
  if (name !== kind || devices.size === 0) return undefined
  if (devices.size === 1) return [...devices.values()][0]
  const names = [...devices.keys()].join(', ')
  throw new ExitError(EXIT_BAD_INPUT, `there are ${devices.size}, so say which ${kind}: ${names}`)
}

function ofSwitch(name: string, words: readonly string[], show: () => Shown): Shown {
  const asked = words.join(' ').replace(/^show (mac) address-table$|^switch (mac)$/, '$1$2')
  if (asked === 'mac') return show()
  const message = `${name} is a switch: it can show "mac" ("show mac address-table")`
  throw new ExitError(EXIT_BAD_INPUT, message)
}

function ofNamespace(
  namespace: NetNamespace,
  more: readonly string[],
  words: readonly string[],
  flags: InspectFlags,
): Shown {
  const asked = words.join(' ')
  if (asked === 'mac') {
    const message = `${namespace.name} is not a switch: of MAC addresses it can show "bridge fdb"`
    throw new ExitError(EXIT_BAD_INPUT, message)
  }
  if (words.length === 0) {
    const message = `what of ${namespace.name} is to be shown is not said`
    const remedy = `one of ${[...more, ...TOOL_COMMANDS].join(', ')}`
    throw new ExitError(EXIT_BAD_INPUT, `${message}; ${remedy}`)
  }
  const isTool = TOOL_COMMANDS.some((each) => each.split(' ')[0] === words[0])
  if (!isTool) throw unknownCommand(asked, [...more, ...TOOL_COMMANDS])
  const { command, options } = parseWords(words)
  if (command === 'iptables-save') return showRules(namespace, flags.table)
  const { device } = options
  if (device !== undefined && namespace.loopback.name !== device && !namespace.device(device)) {
    const names = namespace.devices.map((each) => each.name)
    const message = `there is no device "${device}" in ${namespace.name}`
    throw new ExitError(EXIT_BAD_INPUT, `${message}; ${suggest(device, names, 'devices')}`)
  }
  const { details = false, statistics = false } = flags
  return TOOLS[command](namespace, { ...options, details, statistics })
}

/** The tool has no `-j`: there it is one text. */
function showRules(namespace: NetNamespace, table: string | undefined): Shown {
  const all = namespace.filter?.save() ?? ''
  const tables = all.split(/^(?=# Generated)/m).filter((each) => each !== '')
  const isAsked = (text: string) => table === undefined || text.includes(`\n*${table}\n`)
  const text = tables.filter(isAsked).join('')
  return { lines: text === '' ? [] : text.trimEnd().split('\n'), json: [{ rules: text }] }
}

function nodesOf(world: World): string[] {
  const hosts = [...world.hosts.values()]
  const containers = hosts.flatMap((host) => [...host.containers.keys()])
  const fabric = [world.hosts, world.routers, world.switches, world.bridges]
  const store = world.store === null ? [] : ['store', ...world.store.members.map(nameOf)]
  const nodes = fabric.flatMap((each) => [...each.keys()])
  return [...new Set([...nodes, ...store, ...containers])]
}

function nameOf({ name }: { readonly name: string }): string {
  return name
}

function namespaceOf(world: World, node: string): NetNamespace | undefined {
  const host = world.hosts.get(node)?.root ?? world.bridges.get(node)
  if (host) return host
  for (const { containers } of world.hosts.values()) {
    const namespace = containers.get(node)
    if (namespace) return namespace
  }
  return undefined
}
