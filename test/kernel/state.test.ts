/** After the same probes the tables of every namespace hold what the kernel's held. */
import { describe, expect, it } from 'vitest'
import { Lab } from '../lab/lab.ts'
import { dockerOverlay } from '../lab/overlay.ts'
import { canPing } from '../lab/probes.ts'
import { baseline, flannelHostgw, flannelVxlan, macvlan } from '../lab/schemes.ts'
import { runScheme } from './golden-run.ts'
import { expectSameTables } from './state-dump.ts'

const RUN = { seed: 'state', rest: 0 }

describe('tables as the kernel had them', () => {
  it('flannel-vxlan, after its isolation probe', () => {
    const build = (lab: Lab) => flannelVxlan(lab)
    expectSameTables('flannel-vxlan', runScheme('flannel-vxlan', build, ['isol'], RUN).lab)
  })

  it('flannel-hostgw, after its isolation probe', () => {
    const build = (lab: Lab) => flannelHostgw(lab)
    expectSameTables('flannel-hostgw', runScheme('flannel-hostgw', build, ['isol'], RUN).lab)
  })

  it('docker-overlay, after its isolation probe', () => {
    const build = (lab: Lab) => dockerOverlay(lab)
    expectSameTables('docker-overlay', runScheme('docker-overlay', build, ['isol'], RUN).lab)
  })

  it('macvlan, after its transfer', () => {
    const build = (lab: Lab) => macvlan(lab)
    expectSameTables('macvlan', runScheme('macvlan', build, ['tcp200k'], RUN).lab)
  })

  it('baseline, its caches flushed', () => {
    const lab = new Lab()
    baseline(lab)
    expectSameTables('baseline', lab)
  })

  it.each([
    ['route', (lab: Lab) => lab.route('h1', '10.0.0.0/8', { via: '192.168.50.12' })],
    ['neighbour', (lab: Lab) => canPing(lab, 'h1', '192.168.50.12')],
    ['link', (lab: Lab) => lab.device('h2', 'eth0').setUp(false)],
    ['address', (lab: Lab) => lab.on('h2').addr.add('10.1.1.1/32', 'eth0')],
    ['node', (lab: Lab) => lab.addNode('h3')],
  ])('finds a %s that the kernel had not', (_what, change) => {
    const lab = new Lab()
    baseline(lab)
    expectSameTables('baseline', lab)
    change(lab)
    expect(() => expectSameTables('baseline', lab)).toThrow()
  })
})
