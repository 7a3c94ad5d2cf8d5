/** Frames and tables of a real kernel, and of a real swarm, reproduced by our dockerd. */
import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { showLinks } from '../../src/host/show-links.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import { compareRun } from '../golden/compare.ts'
import { parseGolden, Recorder, type TextFrame } from '../golden/text.ts'
import { goldenLog, goldenText, type Probe, runScheme } from '../kernel/golden-run.ts'
import { expectSameTables } from '../kernel/state-dump.ts'
import { AS_THE_SCRIPT, SWARM_LEAD, type SwarmPlan, swarmByScheme } from '../lab/docker.ts'
import { Lab } from '../lab/lab.ts'
import { PingRun } from '../lab/probes.ts'

const TOGETHER: readonly Probe[] = ['ping', 'udp100', 'udp4000', 'df1472', 'tcp200k', 'arpnx']
const OPTIONS = { seed: 'scheme', lead: SWARM_LEAD }

describe('docker-overlay, by the scheme', () => {
  const build = (lab: Lab) => swarmByScheme(lab, AS_THE_SCRIPT)

  it('sends the frames that the kernel sent, and tells its programs what it told', () => {
    for (const probes of [TOGETHER, ['isol'] as const, ['masq'] as const]) {
      const run = runScheme('docker-overlay', build, probes, OPTIONS)
      expect(run.parts.length).toBeGreaterThanOrEqual(probes.length)
      expect(compareRun(run.parts, run.configuredMacs)).toBeNull()
      for (const probe of probes) {
        const lines = goldenLog('docker-overlay').get(probe)
        if (lines === undefined) continue
        expect(run.said.get(probe), probe).toEqual(lines.filter((line) => !line.startsWith('# ')))
      }
      expect(run.imbalance).toBe(0)
    }
  })

  it('leaves the tables that the kernel had', () => {
    const { lab } = runScheme('docker-overlay', build, ['isol'], { ...OPTIONS, rest: 0 })
    expectSameTables('docker-overlay', lab, asTheScript)
  })
})

/** The script names the ends of pairs on docker_gwbridge after their containers. */
function asTheScript(line: string, node: string): string | null {
  // The engine gives the bridge its MAC for good, which the script did not.
  if (/ dev docker_gwbridge master docker_gwbridge permanent$/.test(line)) return null
  if (!node.startsWith('h')) return line
  const number = node.slice(1)
  return line.replace(/\bveth0\b/g, `vgw-c${number}`).replace(/\bveth1\b/g, `vgw-x${number}`)
}

/** As the two engines of the capture were used: containers on ovA and ovB of both hosts. */
const REAL: SwarmPlan = {
  version: '20.10',
  ingress: true,
  networks: [
    { name: 'ovA', subnet: '10.77.0.0/24', kind: 'c', addresses: null, place: 'ov', first: 1 },
    { name: 'ovB', subnet: '10.78.0.0/24', kind: 'x', addresses: null, place: 'ob', first: 2 },
  ],
}

/** Lines of a section of what was dumped on one of the hosts, without numbers that differ by boot. */
function realLines(host: 1 | 2, section: string): string[] {
  const dump = goldenText('realdocker', 'state').split('######## host ')[host]!
  const [, ...lines] = dump
    .split(/^==== /m)
    .find((each) => each.startsWith(section))!
    .split('\n')
  return lines.map((line) => line.trim().replace(/@if\d+| link-netnsid \d+/g, ''))
}

/** Policies and rules, each after its table; empty chains too. */
function rulesOf(saved: string): string[] {
  let table = ''
  return saved.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1)
    return /^(:|-A )/.test(line) ? [`${table} ${line.trim()}`] : []
  })
}

/**
 * The real engines ran with --userland-proxy=false, in whose place the bridge turns packets around: then
 * loopback addresses are redirected as well, and what comes from the bridge itself too; what the host
 * sends to a published port of its own gets the bridge's address, by one more rule.
 */
const HAIRPIN: Readonly<Record<string, string>> = {
  'nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER':
    'nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER',
  'nat -A DOCKER -i docker_gwbridge -j RETURN': '',
}

const PROGRAMMED = / PERMANENT$| self permanent$/

describe('a real swarm of two engines, by the scheme', () => {
  const lab = new Lab({ seed: 'real', at: 5e12 })
  // The lab's hosts forward before any engine starts.
  swarmByScheme(lab, REAL, (host) => host.commands.sysctl('net.ipv4.ip_forward', 1))
  const lines = (shown: { readonly lines: readonly string[] }) =>
    shown.lines.map((line) => line.trim())

  it.each([
    [1, 'ov', 'netns 1-ccoqqr0qvi'],
    [2, 'ov', 'netns 1-ccoqqr0qvi'],
    [1, 'ob', 'netns 1-xex59l0fpu'],
    [2, 'ob', 'netns 1-xex59l0fpu'],
  ] as const)('host %i, %s: the tables that it programmed', (host, place, section) => {
    const namespace: NetNamespace = lab.namespace(`${place}${host}`)
    const real = realLines(host, section)
    const ours = [...lines(showNeighbours(namespace)), ...lines(showFdb(namespace))]
    expect(ours.filter((line) => PROGRAMMED.test(line)).sort()).toEqual(
      real.filter((line) => PROGRAMMED.test(line)).sort(),
    )
    expect(lines(showRoutes(namespace))).toEqual(real.filter((line) => / proto kernel /.test(line)))
    const [vxlan] = lines(showLinks(namespace, { details: true })).filter((line) =>
      line.includes('vxlan id'),
    )
    const theirs = real.find((line) => line.startsWith('vxlan id'))!
    expect(theirs).toContain(/vxlan id \d+/.exec(vxlan!)![0])
    // br0, vxlan0, then the load balancer's end and the container's.
    expect(namespace.devices.map(({ name, mtu }) => `${name} ${mtu}`)).toEqual(
      [...real.join('\n').matchAll(/^\d+: (\w+): .* mtu (\d+)/gm)]
        .map(([, name, mtu]) => `${name} ${mtu}`)
        .filter((each) => !each.startsWith('lo ')),
    )
  })

  it('gives containers and load balancers the addresses of the real one', () => {
    const addressOf = (namespace: NetNamespace) => lines(showRoutes(namespace)).join('\n')
    expect(addressOf(lab.namespace('c1'))).toContain('src 10.77.0.2')
    expect(addressOf(lab.namespace('c2'))).toContain('src 10.77.0.4')
    expect(addressOf(lab.namespace('x1'))).toContain('src 10.78.0.4')
    for (const name of ['c2', 'x2']) {
      // busybox leaves out the protocol, and has two spaces.
      const real = realLines(2, `container ${name}`).filter((line) => /^default|^1.*src/.test(line))
      const ours = lines(showRoutes(lab.namespace(name)))
      expect(
        ours.map((line) => line.replace(' proto kernel', '').replace(' src', '  src')),
      ).toEqual(real)
    }
  })

  it.each([1, 2] as const)('host %i: the rules that iptables-save prints', (host) => {
    const dump = goldenText('realdocker', 'state').split('######## host ')[host]!
    // docker0 is the network of containers that name none, which has no part here.
    const real = rulesOf(dump.slice(0, dump.indexOf('\n==== '))).filter(
      (rule) => !rule.includes('docker0'),
    )
    const ours = rulesOf(lab.namespace(`h${host}`).filter!.save()).map(
      (rule) => HAIRPIN[rule] ?? rule,
    )
    const masquerade =
      'nat -A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE'
    expect(real).toContain(masquerade)
    expect(ours.filter((rule) => rule !== '').sort()).toEqual(
      real.filter((rule) => rule !== masquerade).sort(),
    )
    // Those of a chain stand in the same order: which comes first decides.
    const ordered = (rules: readonly string[]) =>
      rules.filter((rule) => rule.includes('-A FORWARD'))
    expect(ordered(ours)).toEqual(ordered(real))
  })

  it('answers a ping with the same frames at the same places', () => {
    lab.switchOffloadsOff()
    const points = { underlay: ['h1', 'eth0'], ctr: ['c1', 'eth0'], br: ['ov1', 'br0'] } as const
    const recorders = Object.entries(points).map(([name, point]) => {
      const recorder = new Recorder()
      lab.tap(point[0], point[1], recorder)
      return { name, recorder }
    })
    const from = lab.simulator.now
    new PingRun(lab, 'c1', {
      destination: '10.77.0.4',
      times: [0, 0.203e12, 0.407e12].map((time) => from + time),
    })
    lab.run(1e12)
    const parts = recorders.map(({ name, recorder }) => {
      const kernel = parseGolden(goldenText('realdocker', `ping-${name}`)).filter(isOfPing)
      const ours = recorder.between(from, lab.simulator.now, from).filter(isOfPing)
      expect(ours.length, name).toBeGreaterThan(5)
      return { name: `ping-${name}`, kernel: kernel.map(finished), ours }
    })
    expect(compareRun(parts, lab.configuredMacs)).toBeNull()
  })
})

/** Not the daemons' gossip, and the ARP between the hosts that it caused. */
function isOfPing({ layers }: TextFrame): boolean {
  const spa = layers.find(({ protocol }) => protocol === 'arp')?.fields.get('spa') ?? ''
  return !spa.startsWith('192.168.')
}

/** Offloads were on: the device wrote the outer checksum. */
function finished({ layers, ...frame }: TextFrame): TextFrame {
  for (const { fields } of layers) {
    if (fields.get('csum') === 'unfinished') (fields as Map<string, string>).set('csum', 'good')
  }
  return { ...frame, layers }
}
