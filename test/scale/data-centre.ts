/** Many hosts with many containers each, of one scheme: how long until all are up, and who talks. */
import { stringify } from 'yaml'
import type { Host } from '../../src/host/host.ts'
import { buildWorld } from '../../src/scenario/builder.ts'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { World } from '../../src/scenario/world.ts'
import type { ContainerSpec, Endpoint, NetworkSpec, Scheme } from '../../src/schemes/contract.ts'
import { dockerOverlayScheme } from '../../src/schemes/docker-overlay/index.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { weaveScheme } from '../../src/schemes/weave/index.ts'
import { SECOND } from '../../src/sim/units.ts'
import { DockerBench } from '../schemes/docker-bench.ts'
import { letPairsTalk, type Rule, Starts, startInTurn, type Talk } from './traffic.ts'

export interface Size {
  readonly hosts: number
  readonly perHost: number
  readonly pairs: number
}

export interface ScaleResult {
  readonly asked: number
  readonly up: number
  /** Different addresses of those that are up. */
  readonly addresses: number
  /** When the last was up, simulated seconds. */
  readonly upAfter: number
  readonly talk: Talk
  readonly events: number
  readonly imbalance: number
}

interface Centre {
  readonly network: Readonly<Record<string, unknown>>
  readonly mode?: 'l2'
  readonly store?: object
  /** Of the links, bytes of an IP packet. Default: 1500. */
  readonly mtu?: number
  /** From the last container that is up until all hosts know of all, seconds. */
  readonly settle: number
}

const ETCD = { kind: 'etcd', members: 1 }

/** Networks whose containers are all asked for at the beginning. */
const CENTRES: Readonly<Record<string, Centre>> = {
  flannel: {
    network: { scheme: 'flannel', subnetManager: 'etcd-v3', subnet: '10.0.0.0/12' },
    store: ETCD,
    settle: 5,
  },
  // Each host has a session with each of three reflectors: 3 n instead of n²/2. The racks are subnets of
  // their own, whose routers know nothing of containers: hence the tunnel.
  'calico with route reflectors': {
    network: {
      scheme: 'calico',
      subnet: '10.0.0.0/12',
      encapsulation: 'ipip-crosssubnet',
      routeReflectors: ['h1', 'h2', 'h3'],
    },
    store: ETCD,
    settle: 8,
  },
  macvlan: { network: { scheme: 'macvlan' }, mode: 'l2', settle: 1 },
}

const CLASSIC = 'docker classic'
const SWARM = 'swarm'
const WEAVE = 'weave'

export const SCALE_CASES: readonly string[] = [...Object.keys(CENTRES), SWARM, WEAVE, CLASSIC]

export function runScale(name: string, size: Size): ScaleResult {
  if (name === CLASSIC) return runClassic(size)
  if (name === SWARM) return runSwarm(size)
  if (name === WEAVE) return runWeave(size)
  const centre = CENTRES[name]
  if (centre === undefined) throw new Error(`no case ${name}; there are: ${SCALE_CASES.join(', ')}`)
  return runAtOnce(centre, size)
}

const PATIENCE = 300 * SECOND

function runAtOnce(centre: Centre, { hosts, perHost, pairs }: Size): ScaleResult {
  const world = worldOf(centre, hosts, perHost)
  const { simulator } = world
  const asked = hosts * perHost
  const isPending = () => readyEndpoints(world).length + world.attachFailures.length < asked
  while (isPending() && simulator.now < PATIENCE) simulator.run(simulator.now + SECOND / 4)
  const upAfter = simulator.now / SECOND
  simulator.run(simulator.now + centre.settle * SECOND)
  const up = readyEndpoints(world)
  const talk = letPairsTalk(world, up, pairs, oneNetwork)
  return resultOf(world, { asked, up, upAfter, talk })
}

/** An address of length 0 is one that its daemon still waits for. */
function readyEndpoints({ endpoints }: World): Endpoint[] {
  return [...endpoints.values()].flat().filter(({ length }) => length > 0)
}

const RACKS = 10

function worldOf(centre: Centre, hosts: number, perHost: number): World {
  const { network, mode, store, mtu = 1500 } = centre
  const racks = hosts < RACKS ? 1 : RACKS
  const links = { rate: '25Gbps', mtu }
  const shape = { racks, hostsPerRack: hosts / racks, links }
  const text = stringify({
    name: 'scale',
    fabric: mode === undefined ? shape : { ...shape, mode },
    hosts: { costs: 'none' },
    networks: { net: network },
    containers: { perHost, networks: 'net' },
    ...(store === undefined ? {} : { store }),
  })
  const loaded = loadScenario(text, 'scale.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return buildWorld(loaded.scenarios[0]!, builtinSchemes)
}

const oneNetwork: Rule = () => null

/** What is for another subnet leaves by the gateway bridge, and its host knows no way to it. */
const ownNetworkOnly: Rule = ({ network }, to) => (network === to.network ? null : 'no_route_in')

/** Each network spans so many hosts. */
const SPAN = 20

/** As many networks as a tenth of the hosts, so that each host is in two; ten starts a second. */
function runClassic({ hosts, perHost, pairs }: Size): ScaleResult {
  const bench = new DockerBench(hosts)
  const { simulator } = bench.lab
  bench.startDaemons()
  const networks = Math.max(1, hosts / 10)
  for (let n = 0; n < networks; n++) {
    bench.startNetwork(`n${n}`, ((n * 10) % hosts) + 1, { subnet: `10.${n + 1}.0.0/16` })
  }
  const hostOf = (i: number) =>
    (((i % networks) * 10 + (Math.floor(i / networks) % Math.min(SPAN, hosts))) % hosts) + 1
  const begin = (i: number) => bench.begin(`x${i}`, `n${i % networks}`, hostOf(i))
  const asked = hosts * perHost
  const { up, upAfter } = startInTurn(simulator, asked, begin)
  const talk = letPairsTalk(bench.lab, up, pairs, ownNetworkOnly)
  return resultOf(bench.lab, { asked, up, upAfter, talk })
}

/** By then all hosts know each other. One that joins a network waits 30 s for each that does not know it. */
const SWARM_FORMED = 10 * SECOND
const SWARM_SETTLE = 85 * SECOND
/** Frames of 9000 bytes on the links, and for dockerd's gossip too. */
const JUMBO = 9000

/**
 * All containers at once, when the swarm stands. 4,000 containers and 200 load balancers are 8,200 rows of
 * some 200 bytes. A host gossips 15 packets a second, of 44 rows (1,400 bytes would be 7), and most rows that come
 * are known already: some 150 rows a second get to all, and 8,200 take a minute. What was left out comes when
 * two hosts compare all they have, each every 30 s with one other, for the third time after 80 s. With packets
 * of 1,400 bytes all know all after 210 s.
 */
function runSwarm({ hosts, perHost, pairs }: Size): ScaleResult {
  const { world, daemons } = startSwarm(hosts)
  const { simulator } = world
  simulator.run(SWARM_FORMED)
  const asked = hosts * perHost
  const starts = new Starts(simulator)
  for (let i = 0; i < asked; i++) {
    const { host, daemon } = daemons[i % hosts]!
    starts.begin(daemon.attach(containerOf(host, `x${i}`)))
  }
  simulator.run(simulator.now + SWARM_SETTLE)
  const { up, upAfter } = starts
  const talk = letPairsTalk(world, up, pairs, oneNetwork)
  return resultOf(world, { asked, up, upAfter, talk })
}

/** Daemons on hosts without a container yet. */
function startSwarm(count: number) {
  const network = {
    scheme: 'docker-overlay',
    mode: 'swarm',
    subnet: '10.64.0.0/16',
    networkControlPlaneMtu: JUMBO,
  }
  const world = worldOf({ network, mtu: JUMBO, settle: 0 }, count, 0)
  const hosts = [...world.hosts.values()]
  const { scheme, ...options } = network
  const spec = specOf(world, dockerOverlayScheme, options)
  const daemons = hosts.map((host) => ({
    host,
    daemon: dockerOverlayScheme.startHost(host, spec),
  }))
  return { world, daemons }
}

/** An orchestrator launches Weave on one host after the other, twenty a second. */
const LAUNCH_GAP = SECOND / 20
/** What the last says of its connections goes out a second later; then routes are new at each hop within 0.1 s. */
const MESH_AGREED = 3 * SECOND

/**
 * When the mesh stands each host starts its containers, one a second. A launch makes at most three connections,
 * and so new records of four routers, of which every router tells all its neighbours: these are at most nine, fewer
 * than 2 log2 n. For 200 launches that is 71,000 messages with 131 MB; all at once, and with up to 30 connections a
 * host by discovery, it would be 0.4 GB each 0.1 s. The peers are named beforehand (`--ipalloc-init seed`): their
 * election alone is 76,000 messages with 0.8 GB, for each answers all, twice, with what it knows of 200.
 */
function runWeave({ hosts: count, perHost, pairs }: Size): ScaleResult {
  const world = worldOf({ network: { scheme: 'weave' }, settle: 0 }, count, 0)
  const { simulator } = world
  const hosts = [...world.hosts.values()]
  const spec = specOf(world, weaveScheme, {
    discovery: false,
    peers: earlierPeers(hosts.map(({ name }) => name)),
    ipallocInit: 'seed',
  })
  const daemons = hosts.map((host) => {
    const daemon = weaveScheme.startHost(host, spec)
    simulator.run(simulator.now + LAUNCH_GAP)
    return { host, daemon }
  })
  simulator.run(simulator.now + MESH_AGREED)
  const starts = new Starts(simulator)
  for (let i = 0; i < perHost; i++) {
    for (const { host, daemon } of daemons) starts.begin(daemon.attach(containerOf(host, `x${i}`)))
    simulator.run(simulator.now + SECOND)
  }
  const { up, upAfter } = starts
  const talk = letPairsTalk(world, up, pairs, oneNetwork)
  return resultOf(world, { asked: count * perHost, up, upAfter, talk })
}

/**
 * Whom each host is told of (`weave launch --no-discovery PEER ...`): the one before it, and those at half and a third
 * of its number. With discovery the first 31 of a limit of 30 would fill each other's connections, and nobody after them
 * would be let in.
 */
function earlierPeers(names: readonly string[]): Record<string, string[]> {
  const entries = names.map((name, i) => {
    const earlier = new Set([i - 1, Math.floor(i / 2), Math.floor(i / 3)])
    return [name, [...earlier].filter((j) => j >= 0 && j < i).map((j) => names[j]!)] as const
  })
  return Object.fromEntries(entries)
}

/** A network of all hosts, without a store. */
function specOf<Options>(
  { hosts, simulator }: World,
  scheme: Scheme<Options>,
  options: object,
): NetworkSpec<Options> {
  return {
    name: 'net',
    options: scheme.options.parse(options),
    members: [...hosts.values()].map(({ name: host, address }) => ({ host, address })),
    store: null,
    random: simulator.random.stream('network/net'),
  }
}

function containerOf(host: Host, name: string): ContainerSpec {
  const namespace = host.addContainer(name)
  const place = { network: 'net', namespace, device: 'eth0', defaultRoute: true }
  return { name, ...place, address: null, mac: null, labels: {} }
}

function resultOf(
  { simulator, ledger }: Pick<World, 'simulator' | 'ledger'>,
  seen: Omit<ScaleResult, 'up' | 'addresses' | 'events' | 'imbalance'> & { up: Endpoint[] },
): ScaleResult {
  const addresses = new Set(seen.up.map(({ network, address }) => `${network} ${address}`)).size
  const { events } = simulator
  return { ...seen, up: seen.up.length, addresses, events, imbalance: ledger.imbalance() }
}
