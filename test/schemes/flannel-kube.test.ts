/** flanneld with node records of Kubernetes in the place of leases. */
import { describe, expect, it } from 'vitest'
import { KubeClient } from '../../src/control/kube/client.ts'
import type { NodeRecord } from '../../src/control/kube/node.ts'
import type { Program } from '../../src/control/program/program.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { FlannelBench } from './flannel-bench.ts'

const KUBE = { subnetManager: 'kube' }
const PREFIX = 'flannel.alpha.coreos.com'

function nodeOf(lab: FlannelBench, host: string): NodeRecord {
  const keys = lab.world.store!.members[0]!.keys()
  return JSON.parse(keys.find(({ key }) => key.endsWith(`/${host}`))!.value) as NodeRecord
}

const client = (lab: FlannelBench) => (program: Program) =>
  new KubeClient(program, lab.world.store!.addressesFor(lab.world.hosts.get('h2')!)[0]!)

describe('a node’s record', () => {
  it('has the block that the controller gave it, and what flanneld says of its host', () => {
    const lab = new FlannelBench(KUBE)
    const mac = formatMac(lab.root('h2').device('flannel.1')!.mac)
    const { metadata, spec, status } = nodeOf(lab, 'h2')
    expect(metadata.annotations).toEqual({
      [`${PREFIX}/backend-type`]: 'vxlan',
      [`${PREFIX}/backend-data`]: `{"VNI":1,"VtepMAC":"${mac}"}`,
      [`${PREFIX}/public-ip`]: '192.168.0.2',
      [`${PREFIX}/kube-subnet-manager`]: 'true',
    })
    expect(spec).toEqual({ podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] })
    expect(status.conditions).toMatchObject([{ type: 'NetworkUnavailable', status: 'False' }])
    expect(formatIpv4(lab.endpoint('c').address)).toBe('10.244.1.2')
  })

  it('of host-gw has no data of the backend', () => {
    const lab = new FlannelBench({ ...KUBE, backend: 'host-gw' })
    expect(nodeOf(lab, 'h1').metadata.annotations).toMatchObject({
      [`${PREFIX}/backend-type`]: 'host-gw',
      [`${PREFIX}/backend-data`]: 'null',
    })
    expect(lab.others('h2').routes).toEqual(['10.244.0.0/24 via 192.168.0.1 dev eth0'])
  })

  it('is left as it is by a daemon that starts again', () => {
    const lab = new FlannelBench(KUBE)
    const before = nodeOf(lab, 'h1').metadata.annotations
    const others = lab.others('h1')
    lab.daemon('h1').crash()
    lab.daemon('h1').start()
    lab.run(5 * SECOND)
    expect(nodeOf(lab, 'h1').metadata.annotations).toEqual(before)
    expect(lab.others('h1')).toEqual(others)
  })
})

describe('a host that is gone', () => {
  it('is missed by nobody until its node is deleted', () => {
    const lab = new FlannelBench(KUBE)
    const before = lab.others('h1')
    expect(before.routes).toHaveLength(1)
    lab.daemon('h2').crash()
    lab.run(600 * SECOND)
    expect(lab.others('h1')).toEqual(before)
    lab.somebody((program) => client(lab)(program).delete('h2'))
    expect(lab.others('h1')).toEqual({ routes: [], neighbours: [], fdb: [] })
  })

  it('does not care about changes of a node that are not flannel’s', () => {
    const lab = new FlannelBench(KUBE)
    const events = () => lab.log('h1').filter((line) => line.startsWith('Subnet added')).length
    expect(events()).toBe(1)
    const patch = { metadata: { annotations: { mood: 'fine' } } }
    lab.somebody((program) => client(lab)(program).patch('h2', patch))
    expect(events()).toBe(1)
    const moved = { metadata: { annotations: { [`${PREFIX}/public-ip`]: '192.168.0.9' } } }
    lab.somebody((program) => client(lab)(program).patch('h2', moved))
    expect(events()).toBe(2)
    expect(lab.others('h1').fdb[0]).toContain('dst 192.168.0.9')
  })
})

it('flanneld exits without a block for its node, and is started again until there is one', () => {
  const lab = new FlannelBench({ ...KUBE, subnet: '10.244.0.0/22' })
  lab.daemon('h2').crash()
  const none = { spec: { podCIDR: null, podCIDRs: null } }
  lab.somebody((program) => client(lab)(program).patch('h2', none))
  lab.daemon('h2').start()
  lab.run(12 * SECOND)
  const refusals = () => lab.log('h2').filter((line) => line.includes('pod cidr not assigned'))
  expect(refusals()).toHaveLength(3)
  const block = { spec: { podCIDR: '10.9.0.0/24', podCIDRs: ['10.9.0.0/24'] } }
  lab.somebody((program) => client(lab)(program).patch('h2', block))
  expect(lab.log('h2').at(-1)).toBe(
    'Error registering network: failed to acquire lease: subnet "10.244.0.0/22" specified in the flannel net config doesn\'t contain "10.9.0.0/24" PodCIDR of the "h2" node',
  )
})
