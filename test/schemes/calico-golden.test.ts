/** Frames and tables of a real kernel, reproduced by our calico-node instead of the lab's script. */
import { describe, expect, it } from 'vitest'
import { vethName } from '../../src/schemes/calico/cni/kubernetes.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { compareRun } from '../golden/compare.ts'
import { goldenLog, type Probe, runScheme } from '../kernel/golden-run.ts'
import { expectSameTables } from '../kernel/state-dump.ts'
import { CALICO_LEAD, calicoByScheme } from '../lab/calico.ts'
import { Lab } from '../lab/lab.ts'
import { canPing } from '../lab/probes.ts'

const TOGETHER: readonly Probe[] = ['ping', 'udp100', 'udp4000', 'df1472', 'tcp200k', 'arpnx']

/** Of c1's device in the two golden states. */
const C1_MAC = '02:c5:1c:36:d1:18'
const C1_MAC_VXLAN = '9a:64:21:43:21:2c'

describe('calico, by the scheme', () => {
  const build = (lab: Lab) => calicoByScheme(lab, 'none')

  it('sends the frames that the kernel sent, and tells its programs what it told', () => {
    for (const probes of [TOGETHER, ['isol'] as const, ['masq'] as const]) {
      const run = runScheme('calico', build, probes, { seed: 'scheme', lead: CALICO_LEAD })
      expect(run.parts.length).toBeGreaterThanOrEqual(probes.length)
      expect(compareRun(run.parts, run.configuredMacs)).toBeNull()
      for (const probe of probes) {
        const lines = goldenLog('calico').get(probe)
        if (lines === undefined) continue
        expect(run.said.get(probe), probe).toEqual(lines.filter((line) => !line.startsWith('# ')))
      }
      expect(run.imbalance).toBe(0)
    }
  })

  it('leaves the tables that the kernel had', () => {
    const run = { seed: 'state', rest: 0, lead: CALICO_LEAD }
    const { lab } = runScheme('calico', build, ['isol'], run)
    expectSameTables('calico', lab, (line) => asTheScript(lab, line))
  })
})

/** The script names a host's end after its container, whose MAC the kernel drew. */
function asTheScript(lab: Lab, line: string): string {
  const names = ['c1', 'x1', 'c2', 'x2'].map((node) => [vethName('default', node), `cali${node}`])
  const named = names.reduce((text, [ours, theirs]) => text.replaceAll(ours!, theirs!), line)
  return named.replaceAll(formatMac(lab.device('c1', 'eth0').mac), C1_MAC)
}

it('calico-vxlan, by the scheme: leaves the tables that the kernel had', () => {
  const lab = new Lab({ seed: 'state' })
  calicoByScheme(lab, 'vxlan')
  expect(canPing(lab, 'c1', '10.65.0.67')).toBe(false)
  expectSameTables('calico-vxlan', lab, (line) => asTheVxlanScript(lab, line))
})

/**
 * The script gave tunnels the second address of each block, their devices MACs of its own, and routes no
 * protocol; Calico's IPAM begins with the first, and Felix marks its routes with 80.
 */
function asTheVxlanScript(lab: Lab, line: string): string {
  const tunnels = ['h1', 'h2'].map((host) => lab.device(host, 'vxlan.calico').mac)
  return asTheScript(lab, line)
    .replaceAll(C1_MAC, C1_MAC_VXLAN)
    .replace(/\b10\.65\.0\.0(?=\/32| dev)/, '10.65.0.1')
    .replace(/\b10\.65\.0\.64(?=\/32| dev)/, '10.65.0.65')
    .replace(' proto 80 onlink', ' onlink')
    .replace(' proto 80', ' proto bird')
    .replaceAll(formatMac(tunnels[0]!), '66:00:00:00:00:01')
    .replaceAll(formatMac(tunnels[1]!), '66:00:00:00:00:02')
}
