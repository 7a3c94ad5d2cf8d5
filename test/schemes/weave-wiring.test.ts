/** Containers as ports of the fast datapath itself, without the bridge in between. */
import { describe, expect, it } from 'vitest'
import { Datapath } from '../../src/host/openvswitch/datapath.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { Bench } from '../contract/bench.ts'

const scheme = builtinSchemes.get('weave')!

function portsOf(lab: Bench, host: string): string[] {
  return Datapath.find(lab.root(host), 'weave')!.vports.map(({ device, type }) => {
    return `${device.name} ${type}`
  })
}

describe('weave without its bridge', () => {
  const lab = new Bench(scheme, { bridgedFastdp: false })
  const datapath = Datapath.find(lab.root('h1'), 'weave')!
  const [a, b, c] = ['a', 'b', 'c'].map((name) => lab.endpoint(name))

  it('has the containers on the datapath, and neither a bridge nor a cable from it', () => {
    expect(portsOf(lab, 'h1')).toEqual([
      'weave internal',
      'vxlan-6784 vxlan',
      'vethwepla netdev',
      'vethweplb netdev',
    ])
    const devices = lab.root('h1').devices.map(({ name, kind, mtu }) => `${name} ${kind} ${mtu}`)
    expect(devices).toContain('weave openvswitch 1376')
    expect(devices.filter((each) => /bridge|vethwe-/.test(each))).toEqual([])
  })

  it('has what goes from container to container pass flows, also within the host', () => {
    expect(lab.ping(a!.namespace, b!.address)).toBe(true)
    expect(lab.ping(a!.namespace, c!.address)).toBe(true)
    const before = [datapath.hits, datapath.missed]
    expect(lab.ping(a!.namespace, b!.address)).toBe(true)
    // Request and answer, and what either side proves its neighbour with; a bridge would show it none.
    expect([datapath.hits - before[0]!, datapath.missed - before[1]!]).toEqual([6, 0])
  })

  it('takes containers in that come later, and forgets those that go', () => {
    const later = lab.mustAttach('later', 'h1')
    expect(lab.ping(c!.namespace, later.address)).toBe(true)
    expect(portsOf(lab, 'h1')).toContain('vethwepllater netdev')
    lab.detach(later, 'h1')
    expect(portsOf(lab, 'h1')).not.toContain('vethwepllater netdev')
    // Broadcasts are no more for the port that has gone.
    const dropped = lab.world.ledger.dropsByReason().get('device_down') ?? 0
    const successor = lab.mustAttach('successor', 'h1')
    expect(lab.ping(c!.namespace, successor.address)).toBe(true)
    expect(lab.world.ledger.dropsByReason().get('device_down') ?? 0).toBe(dropped)
  })

  it('goes on without the router while flows last, and its successor finds the ports again', () => {
    expect(lab.ping(a!.namespace, b!.address)).toBe(true)
    lab.daemon('h1').crash()
    expect(lab.ping(a!.namespace, b!.address)).toBe(true)
    datapath.flows.clear()
    expect(lab.ping(a!.namespace, b!.address)).toBe(false)
    lab.daemon('h1').start()
    expect(lab.reachesWithin(60e12, a!.namespace, () => c)).toBe(true)
    const leaving = lab.daemon('h2').leave()
    lab.finish(leaving)
    expect(lab.root('h2').devices.map(({ name }) => name)).toEqual(['eth0'])
  })
})

it('leaves bridged hosts as they are where there is no fast datapath', () => {
  const lab = new Bench(scheme, { bridgedFastdp: false, fastdp: ['h1'] })
  expect(lab.root('h1').device('weave')!.kind).toBe('openvswitch')
  expect(lab.root('h2').device('weave')!.kind).toBe('bridge')
  expect(lab.reachesWithin(60e12, lab.endpoint('a').namespace, () => lab.endpoint('c'))).toBe(true)
  expect(lab.world.ledger.imbalance()).toBe(0)
})
