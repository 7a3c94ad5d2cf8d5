/** Frames and tables of a real kernel, reproduced by our flanneld instead of the lab's script. */
import { describe, expect, it } from 'vitest'
import { formatMac } from '../../src/wire/mac-address.ts'
import { compareRun } from '../golden/compare.ts'
import { parseGolden, Recorder } from '../golden/text.ts'
import { goldenLog, goldenText, type Probe, runScheme } from '../kernel/golden-run.ts'
import { expectSameTables } from '../kernel/state-dump.ts'
import { flannelByScheme } from '../lab/flannel.ts'
import { Lab } from '../lab/lab.ts'
import { canPing, PingRun } from '../lab/probes.ts'

const TOGETHER: readonly Probe[] = ['ping', 'udp100', 'udp4000', 'df1472', 'tcp200k', 'arpnx']

describe.each([
  ['flannel-vxlan', 'vxlan'],
  ['flannel-hostgw', 'host-gw'],
] as const)('%s, by the scheme', (golden, backend) => {
  const build = (lab: Lab) => flannelByScheme(lab, backend)

  it('sends the frames that the kernel sent, and tells its programs what it told', () => {
    for (const probes of [TOGETHER, ['isol'] as const]) {
      const run = runScheme(golden, build, probes, { seed: 'scheme' })
      expect(compareRun(run.parts, run.configuredMacs)).toBeNull()
      for (const probe of probes) {
        const lines = goldenLog(golden).get(probe)!
        expect(run.said.get(probe), probe).toEqual(lines.filter((line) => !line.startsWith('# ')))
      }
      expect(run.imbalance).toBe(0)
    }
  })

  it('leaves the tables that the kernel had', () => {
    const { lab } = runScheme(golden, build, ['isol'], { seed: 'state', rest: 0 })
    expectSameTables(golden, lab, (line, node) => asTheScript(lab, line, node))
  })
})

it('flannel-vxlan, by the scheme: hides a container from the other host, as the kernel did', () => {
  const lab = new Lab()
  flannelByScheme(lab, 'vxlan')
  const destination = '192.168.50.12'
  // The capture begins after an exchange that filled the caches.
  expect(canPing(lab, 'c1', destination)).toBe(true)
  lab.switchOffloadsOff()
  const recorder = new Recorder()
  lab.tap('h1', 'eth0', recorder)
  const from = lab.simulator.now
  new PingRun(lab, 'c1', { destination, times: [from, from + 0.2e12] })
  lab.run(0.5e12)
  const ours = recorder.between(from, lab.simulator.now, from)
  const kernel = parseGolden(goldenText('flannel-vxlan', 'masq-underlay'))
  expect(compareRun([{ name: 'masq-underlay', kernel, ours }], lab.configuredMacs)).toBeNull()
})

/** The script names a host's end after its container, and gives the VXLAN devices MACs of its own. */
function asTheScript(lab: Lab, line: string, node: string): string | null {
  // CNI's bridge plugin gives the bridge its MAC for good, which the script did not.
  if (/ dev cni0 master cni0 permanent$/.test(line)) return null
  const number = node.slice(1)
  const named = line.replace(/\bveth0\b/g, `vethc${number}`).replace(/\bveth1\b/g, `vethx${number}`)
  return ['h1', 'h2'].reduce((text, host) => {
    const device = lab.namespace(host).device('flannel.1')
    return device === undefined
      ? text
      : text.replaceAll(formatMac(device.mac), `0e:00:00:00:00:0${host.slice(1)}`)
  }, named)
}
