/** Whatever befalls daemons, store and cables: some time afterwards every host leads to every other. */
import { describe, expect, it } from 'vitest'
import { Dice } from '../chaos/dice.ts'
import type { Sections } from '../contract/bench.ts'
import { FlannelBench } from './flannel-bench.ts'

/** All under ENCAP_DEEP=1, otherwise a twentieth. */
const SEEDS = process.env['ENCAP_DEEP'] === '1' ? 60 : 3

const HOSTS = ['h1', 'h2', 'h3']
const DAEMONS = HOSTS.map((host) => `${host}/net`)

/** Everything ends at 120 s. */
function storm(dice: Dice, members: readonly string[]): Sections[] {
  return dice.times(dice.integer(3, 8), () => {
    const at = dice.integer(0, 80)
    const times = { at: `${at}s`, until: `${at + dice.integer(1, 40)}s` }
    switch (dice.integer(0, 3)) {
      case 0:
        return { ...times, crash: dice.pick(DAEMONS) }
      case 1:
        return { ...times, crash: dice.pick(members) }
      case 2:
        return { at: `${at}s`, restart: dice.pick([...DAEMONS, ...members]) }
      default:
        return { ...times, partition: [[dice.pick(HOSTS)], [...members]], oneWay: dice.chance(0.3) }
    }
  })
}

function scenario(subnetManager: string, seed: number) {
  const isKube = subnetManager === 'kube'
  const members = isKube ? ['store-1'] : ['store-1', 'store-2', 'store-3']
  const dice = new Dice(`${subnetManager}/${seed}`)
  const leases = isKube ? {} : { leaseTtl: '60s', leaseRenewMargin: '30s' }
  // 0.11 may put two hosts on one subnet.
  const version = subnetManager === 'etcd-v2' ? { version: '0.16' } : {}
  const backend = dice.pick(['vxlan', 'host-gw'])
  const options = { subnetManager, backend, subnet: '10.244.0.0/21', ...leases, ...version }
  const more = {
    seed,
    fabric: { racks: 1, hostsPerRack: 3, links: '10Gbps' },
    store: isKube ? { kind: 'kube' } : { kind: 'etcd' },
    containers: HOSTS.map((host, i) => ({ name: `x${i + 1}`, host })),
    faults: storm(dice, members),
  }
  return { options, more }
}

/** Leads of a host, as `subnet via address`. */
function leads(lab: FlannelBench, host: string): string[] {
  const { routes, neighbours, fdb } = lab.others(host)
  return routes.map((line) => {
    const [, subnet, via] = /^(\S+) via (\S+)/.exec(line)!
    const mac = neighbours.find((each) => each.startsWith(`${via} `))?.match(/lladdr (\S+)/)?.[1]
    if (mac === undefined) return `${subnet} via ${via}`
    return `${subnet} via ${fdb.find((each) => each.startsWith(mac))?.match(/dst (\S+)/)?.[1]}`
  })
}

describe.each(['etcd-v2', 'etcd-v3', 'kube'])('%s', (subnetManager) => {
  it(`converges after each of ${SEEDS} storms`, { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { options, more } = scenario(subnetManager, seed)
      const lab = new FlannelBench(options, more)
      lab.until(420)
      const hint = `seed ${seed}: ${JSON.stringify(more.faults)}`
      const leases = HOSTS.map((host, i) => `${lab.leaseOf(host)} via 192.168.0.${i + 1}`)
      expect(new Set(leases.map((each) => each.split(' ')[0])).size, hint).toBe(HOSTS.length)
      HOSTS.forEach((host, i) => {
        const others = leases.filter((_, j) => j !== i)
        expect(leads(lab, host), `${host}, ${hint}`).toEqual(expect.arrayContaining(others))
      })
      expect(lab.world.store!.violations).toEqual([])
      expect(lab.world.ledger.imbalance()).toBe(0)
    }
  })
})
