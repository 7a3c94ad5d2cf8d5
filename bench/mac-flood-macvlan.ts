import { L2Switch } from '../src/fabric/l2-switch.ts'
import { switchProfile } from '../src/fabric/switch-profiles.ts'
import { linkAdd } from '../src/host/device-factory.ts'
import { LinkError } from '../src/host/link-error.ts'
import { SECOND } from '../src/sim/units.ts'
import { NetNamespace } from '../src/stack/namespace.ts'
import { type Ipv4Address, parseIpv4 } from '../src/wire/ipv4-address.ts'
import { type MacAddress, macOf } from '../src/wire/mac-address.ts'
import { UdpStream } from '../src/workload/udp.ts'
import type { Benchmark, Trial } from './benchmark.ts'
import { type BenchHost, BenchNetwork } from './network.ts'

const HOSTS = 100
const CONTAINERS_PER_HOST = 200
const CONTAINERS = HOSTS * CONTAINERS_PER_HOST
const PACKETS = 4
const PACKETS_PER_SECOND = 100
const PAYLOAD = 64
const PORT = 7000
const TEN_GIGABIT = 10e9
const PREFIX_LENGTH = 16
const FIRST_ADDRESS = parseIpv4('10.20.0.2')!

interface Container {
  readonly namespace: NetNamespace
  readonly address: Ipv4Address
  readonly mac: MacAddress
}

/**
 * W6: a full MAC table. 20,000 addresses against room for 8,192, so that most packets go to every
 * host, whose card hears everything because its filter is too small as well.
 */
export const macFloodMacvlan: Benchmark = {
  name: 'W6',
  title: `${HOSTS} hosts, ${CONTAINERS_PER_HOST} macvlan containers each, all send: MAC table of 8,192`,
  unit: 'packet-hop',
  peer: null,
  prepare: prepareMacvlan,
}

function prepareMacvlan(): Trial {
  const network = new BenchNetwork()
  const { simulator } = network
  const profile = switchProfile('catalyst-2960')!
  const box = new L2Switch(simulator, network.ledger, 's1', profile)
  const hosts = Array.from({ length: HOSTS }, () => network.host())
  for (const { nic } of hosts) network.link(nic.port, box.addPort(), TEN_GIGABIT)
  const containers = hosts.map(containersOf)
  const pairs = containers.flatMap((own, i) =>
    own.map((from, k) => {
      const to = containers[(i + 1) % HOSTS]![k]!
      return { from: from.namespace, to: to.namespace, destination: to.address }
    }),
  )
  for (let i = 0; i < HOSTS; i++) introduce(containers[i]!, containers[(i + 1) % HOSTS]!)
  const stream = new UdpStream({
    simulator,
    name: 'w6',
    pairs,
    at: 0,
    count: PACKETS,
    packetRate: PACKETS_PER_SECOND,
    size: PAYLOAD,
    port: PORT,
    linger: SECOND / PACKETS_PER_SECOND,
  })
  stream.start()
  return {
    run: () => {
      simulator.run(stream.endsAt)
    },
    outcome: () => {
      const { sent, delivered } = stream.result(simulator.now)
      const { unknownUnicast } = box.floods
      const toSend = CONTAINERS * PACKETS
      // From the host to the switch, and from there to one port or to all others.
      const hops = toSend * 2 + unknownUnicast * (HOSTS - 2)
      return network.outcome({ sent, toSend, delivered, hops })
    },
  }
}

function containersOf({ namespace: root, nic }: BenchHost, host: number): Container[] {
  return Array.from({ length: CONTAINERS_PER_HOST }, (_, k) => {
    const number = host * CONTAINERS_PER_HOST + k
    const address = FIRST_ADDRESS + number
    const mac = macOf(0x020000 | (address >>> 24), address & 0xffffff)
    const namespace = new NetNamespace(root.kernel, `c${number + 1}`)
    const device = linkAdd(namespace, {
      name: 'eth0',
      type: 'macvlan',
      lower: nic,
      mode: 'bridge',
      mac,
    })
    if (device instanceof LinkError) throw device
    device.up = true
    namespace.addAddress(device, { address, length: PREFIX_LENGTH })
    return { namespace, address, mac }
  })
}

/** Without ARP, whose 20,000 requests would each reach 20,000 containers: another load than this one. */
function introduce(senders: readonly Container[], receivers: readonly Container[]): void {
  senders.forEach(({ namespace }, k) => {
    const { address, mac } = receivers[k]!
    const device = namespace.device('eth0')!
    namespace.neighbours.replace(device, address, mac, 'PERMANENT')
  })
}
