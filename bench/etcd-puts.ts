import { EtcdCluster } from '../src/control/etcd/cluster.ts'
import { CLIENT_PORT } from '../src/control/etcd/settings.ts'
import { HttpClient } from '../src/control/http/client.ts'
import { HttpError } from '../src/control/http/http-error.ts'
import { Program } from '../src/control/program/program.ts'
import { L2Switch } from '../src/fabric/l2-switch.ts'
import { SWITCH_PROFILES } from '../src/fabric/switch-profiles.ts'
import { Host } from '../src/host/host.ts'
import { Port } from '../src/link/port.ts'
import { Ledger } from '../src/measure/ledger.ts'
import type { Process } from '../src/sim/process.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../src/sim/units.ts'
import { KERNEL_PROFILES } from '../src/stack/kernel-profile.ts'
import { ipv4 } from '../src/wire/ipv4-address.ts'
import { ETCD_3_4 } from '../test/control/etcd-settings.ts'
import { faultsOf } from './accounts.ts'
import type { Benchmark, Outcome } from './benchmark.ts'
import { GIGABIT } from './network.ts'

const MEMBERS = 3
const CLIENTS = 64
const PUTS = 30_000
const KEYS = 1000
const VALUE_BYTES = 100
/** By then there is a leader. */
const START = 3 * SECOND
const LIMIT = 600 * SECOND
/** Between looks at whether all is done. */
const STRIDE = 100 * MILLISECOND

/** W7: what a store costs, from the clients' JSON to the followers' logs, every byte in packets. */
export const etcdPuts: Benchmark = {
  name: 'W7',
  title:
    `${MEMBERS} etcd members and a host with ${CLIENTS} clients on one switch, ` +
    `${PUTS} v3 puts of ${VALUE_BYTES} B to the members in turn`,
  unit: 'packet-hop',
  peer: null,
  delivery: { noun: 'puts', least: 10_000 },
  prepare: () => {
    const trial = new EtcdPuts()
    return { run: () => trial.run(), outcome: () => trial.outcome() }
  },
}

class EtcdPuts {
  private readonly simulator = new Simulator('bench')
  private readonly ledger = new Ledger()
  private readonly fabric: L2Switch
  private readonly cluster: EtcdCluster
  private readonly http: HttpClient
  private readonly hopsBefore: number
  private sent = 0
  private answered = 0
  private refused = 0

  constructor() {
    const generic = SWITCH_PROFILES.find(({ name }) => name === 'generic')!
    this.fabric = new L2Switch(this.simulator, this.ledger, 's1', generic)
    const places = Array.from({ length: MEMBERS }, (_, i) => ({
      name: `store-${i + 1}`,
      host: this.addHost(i + 1),
    }))
    this.cluster = new EtcdCluster(places, ETCD_3_4)
    this.cluster.start()
    const program = new Program(this.addHost(MEMBERS + 1).root, 'client')
    this.http = new HttpClient(program, { idleMax: CLIENTS })
    this.simulator.run(START)
    this.hopsBefore = this.ledger.hops
    for (let i = 0; i < CLIENTS; i++) program.spawn(this.client())
  }

  private addHost(number: number): Host {
    const host = Host.cabled(this.simulator, this.ledger, `h${number}`, {
      kernel: KERNEL_PROFILES['5.15']!,
      mtu: 1500,
      mac: 0x020000000000 + number,
      address: ipv4(`10.0.0.${number}`),
      prefixLength: 24,
      gateway: null,
    })
    const options = { rate: 10 * GIGABIT, delay: 5 * MICROSECOND }
    Port.connect(host.port!, this.fabric.addPort(), options)
    return host
  }

  private *client(): Process {
    while (this.sent < PUTS) {
      const number = this.sent++
      const key = base64(`key-${number % KEYS}`)
      const value = base64(`${number}`.padEnd(VALUE_BYTES, '.'))
      const response = yield* this.http.request({
        address: this.cluster.addressesFor()[number % MEMBERS]!.address,
        port: CLIENT_PORT,
        method: 'POST',
        path: '/v3/kv/put',
        headers: [['Content-Type', 'application/json']],
        body: JSON.stringify({ key, value }),
      })
      if (response instanceof HttpError || response.status !== 200) this.refused++
      else this.answered++
    }
  }

  run(): void {
    const { simulator } = this
    while (this.answered + this.refused < PUTS && simulator.now < LIMIT) {
      simulator.run(simulator.now + STRIDE)
    }
  }

  /** Members never fall silent: between two heartbeats there is a moment without a frame. */
  private settle(): void {
    const { simulator, ledger } = this
    const end = simulator.now + SECOND
    while (ledger.held() > 0 && simulator.now < end) simulator.run(simulator.now + MILLISECOND)
  }

  outcome(): Outcome {
    this.settle()
    const { simulator, ledger, cluster, sent, answered } = this
    const hops = ledger.hops - this.hopsBefore
    const expected = { sent, toSend: PUTS, delivered: answered, hops: null }
    const faults = [...faultsOf(ledger, expected), ...cluster.violations]
    const revisions = cluster.members.map((member) => member.status()?.revision)
    if (revisions.some((revision) => revision !== PUTS + 1)) {
      faults.push(`the members stand at revisions ${revisions.join(', ')}, not ${PUTS + 1}`)
    }
    return {
      hops,
      events: simulator.events,
      delivered: answered,
      faults,
      figures: [{ name: 'packet-hops a put', value: hops / PUTS, most: 12 }],
    }
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
