/** Calico's tunnel devices, the ways into them, and who may send through them. */
import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { showAddresses } from '../../src/host/show-links.ts'
import { vtepMac } from '../../src/schemes/calico/felix/tunnels/cluster.ts'
import { spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { CalicoBgpBench } from './calico-bgp-bench.ts'

type Show = typeof showRoutes

function linesOf(lab: CalicoBgpBench, host: string, show: Show, part: string): string[] {
  const lines = show(lab.root(host), {}).lines.map((line) => line.trim())
  return lines.filter((line) => line.includes(part))
}

/** What of other nodes stands in the kernel of a host. */
function vxlanOf(lab: CalicoBgpBench, host: string) {
  return {
    routes: linesOf(lab, host, showRoutes, 'vxlan.calico'),
    neighbours: linesOf(lab, host, showNeighbours, 'PERMANENT'),
    fdb: linesOf(lab, host, showFdb, ' dst '),
  }
}

describe('vxlan.calico', () => {
  const start = () => {
    const lab = new CalicoBgpBench(3, { encapsulation: 'vxlan', subnet: '10.65.0.0/16' })
    lab.run(5 * SECOND)
    return lab
  }

  it('has a neighbour, an FDB entry and a route for each other node', () => {
    const lab = start()
    const { routes, neighbours, fdb } = vxlanOf(lab, 'h1')
    expect([routes.length, neighbours.length, fdb.length]).toEqual([2, 2, 2])
    // sha1('h2') is bf1c365741...
    expect(vtepMac('h2')).toBe('66:bf:1c:36:57:41')
    const [via] = neighbours.find((line) => line.includes('66:bf:1c:36:57:41'))!.split(' ')
    expect(routes.join('\n')).toMatch(
      new RegExp(`/26 via ${via!.replaceAll('.', '\\.')} dev vxlan.calico proto 80 onlink`),
    )
    expect(fdb).toContain('66:bf:1c:36:57:41 dev vxlan.calico dst 192.168.0.2 self permanent')
  })

  it('loses what belonged to a node that was deleted, with the next start of Felix at the latest', () => {
    const lab = start()
    lab.daemon('h1').crash()
    spawn(lab.world.simulator, lab.daemon('h3').leave())
    lab.run(5 * SECOND)
    const counts = (host: string) => Object.values(vxlanOf(lab, host)).map(({ length }) => length)
    expect(counts('h2')).toEqual([1, 1, 1])
    expect(counts('h1')).toEqual([2, 2, 2])
    lab.daemon('h1').start()
    lab.run(10 * SECOND)
    expect(counts('h1')).toEqual([1, 1, 1])
  })

  it('is put right with the next look at the routes', () => {
    const lab = start()
    const before = vxlanOf(lab, 'h1')
    const { commands, root } = lab.world.hosts.get('h1')!
    for (const { destination, via } of root.routes.routes()) {
      if (via === null || root.routes.exact(destination)!.device?.name !== 'vxlan.calico') continue
      commands.route.delete(destination)
      commands.neigh.delete(via, 'vxlan.calico')
    }
    expect(vxlanOf(lab, 'h1').routes).toEqual([])
    lab.run(91 * SECOND)
    expect(vxlanOf(lab, 'h1')).toEqual(before)
  })

  it('leads to addresses that a node borrowed out of the block of another', () => {
    // Two blocks of eight for three nodes, which need two addresses each.
    const lab = new CalicoBgpBench(3, {
      ...{ encapsulation: 'vxlan', subnet: '10.65.0.0/28', blockSize: 29 },
    })
    lab.run(5 * SECOND)
    const singles = lab.hosts.map(
      (host) => vxlanOf(lab, host).routes.filter((line) => !/^\S+\//.test(line)).length,
    )
    // The borrower has none of its own; the others reach its two addresses.
    expect(singles.toSorted()).toEqual([0, 2, 2])
  })
})

describe('tunl0', () => {
  it('has its address, its MTU, and takes packets from nodes alone', () => {
    const lab = new CalicoBgpBench(2, { encapsulation: 'ipip' })
    lab.run(8 * SECOND)
    const shown = showAddresses(lab.root('h1'), {}).lines.join('\n')
    expect(shown).toMatch(/tunl0: <[^>]*UP[^>]*> mtu 1480/)
    expect(shown).toMatch(/inet 172\.16\.\d+\.\d+\/32 scope global tunl0/)
    expect(lab.routes('h1').join('\n')).toMatch(/via 192\.168\.0\.2 dev tunl0 proto bird onlink/)
    const saved = lab.world.hosts.get('h1')!.commands.iptables.save()
    const rules = saved
      .split('\n')
      .filter((line) => line.startsWith('-A cali-tunnel-input -p ipencap'))
    expect(rules.map((line) => /-j (\w+)$/.exec(line)![1])).toEqual(['ACCEPT', 'DROP'])
    const sets = lab.world.hosts.get('h1')!.commands.ipset.save()
    expect(sets).toContain('add cali40all-hosts-net 192.168.0.2')
  })
})
