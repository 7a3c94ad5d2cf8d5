/**
 * Weave's data frames against those of a kernel that was set up to send the same: see
 * test/golden/README.md. Of that lab the routers were no part, so that theirs are left out here.
 */
import { describe, expect, it } from 'vitest'
import { formatMac } from '../../src/wire/mac-address.ts'
import { compareRun } from '../golden/compare.ts'
import type { TextFrame } from '../golden/text.ts'
import { firstCopies } from '../golden/transfer.ts'
import type { Lab } from '../lab/lab.ts'
import { WEAVE_LEAD, weaveByScheme } from '../lab/weave.ts'
import { goldenLog, type Probe, runScheme, type Select } from './golden-run.ts'
import { expectSameTables } from './state-dump.ts'

/** As the lab did it: the last one in a lab of its own. */
const RUNS: readonly (readonly Probe[])[] = [
  ['ping', 'udp100', 'udp4000', 'df1472', 'tcp200k', 'arpnx'],
  ['isol'],
]
/** In which caches were cold: answers to broadcasts are unicast ARP as well. */
const COLD: readonly Probe[] = ['ping', 'isol']
/** Of the lab: short ids 257 and 258, the sender's in the lower half. */
const VNI_THERE = '1057025'
const VNI_BACK = '1052930'
const MAC_OF_FIRST = '52:54:00:00:00:01'
const BROADCAST = 'ff:ff:ff:ff:ff:ff'

/** A frame of a container, and no unicast ARP: when neighbours are proved differs by Weave's sysctls. */
function isData(frame: TextFrame, isUnderlay: boolean, isCold: boolean): boolean {
  const { layers } = frame
  const at = isUnderlay ? layers.findIndex(({ protocol }) => protocol === 'vxlan') + 1 : 0
  if (isUnderlay && at === 0) return false
  const [ethernet, next] = layers.slice(at)
  if (ethernet?.fields.get('src') === '00:00:00:00:00:00') return false
  return isCold || next?.protocol !== 'arp' || ethernet?.fields.get('dst') === BROADCAST
}

/** With the lab's short ids in the place of ours, which were drawn. */
function withLabIds(frame: TextFrame): TextFrame {
  const isThere = frame.layers[0]?.fields.get('src') === MAC_OF_FIRST
  const layers = frame.layers.map((layer) => {
    if (layer.protocol !== 'vxlan') return layer
    const vni = isThere ? VNI_THERE : VNI_BACK
    return { ...layer, fields: new Map([...layer.fields, ['vni', vni]]) }
  })
  return { ...frame, layers }
}

const dataOf: Select = (frames, point, probe) =>
  frames.filter((frame) => isData(frame, point === 'underlay', COLD.includes(probe)))

function vnisOf(frames: readonly TextFrame[]): number[] {
  return frames.flatMap(({ layers }) => {
    const vxlan = layers.find(({ protocol }) => protocol === 'vxlan')
    return vxlan === undefined ? [] : [Number(vxlan.fields.get('vni'))]
  })
}

describe('weave', () => {
  const vnis = new Set<number>()
  const select: Readonly<Record<'kernel' | 'ours', Select>> = {
    // In the lab, where a second bridge stands for the datapath, 55 segments were sent again.
    kernel: (...of) => firstCopies(dataOf(...of)),
    ours: (...of) => {
      const frames = dataOf(...of)
      for (const vni of vnisOf(frames)) vnis.add(vni)
      return frames.map(withLabIds)
    },
  }
  const runs = RUNS.map((probes) =>
    runScheme('weave', weaveByScheme, probes, { seed: '1', lead: WEAVE_LEAD, select }),
  )
  const parts = runs.flatMap((run) => run.parts)

  it('sends the data frames that the kernel sent', () => {
    const others = parts.filter(({ name }) => !name.startsWith('tcp200k'))
    expect(others.flatMap(({ kernel }) => kernel)).toHaveLength(78)
    for (const run of runs) expect(compareRun(run.parts, run.configuredMacs)).toBeNull()
  })

  it('cuts a stream into the segments that the kernel cut, but for those that it sent again', () => {
    const transfers = parts.filter(({ name }) => name.startsWith('tcp200k'))
    expect(transfers.map(({ sameSegments }) => sameSegments)).toEqual([93, 93, 93])
    for (const { kernel } of transfers) {
      const bytes = kernel.flatMap(({ layers }) => Number(layers.at(-1)?.fields.get('len') ?? 0))
      expect(bytes.reduce((sum, each) => sum + each)).toBe(200_000)
    }
  })

  it('has two VNIs, each the halves of the other changed over', () => {
    const [there, back, ...more] = vnis
    expect(more).toEqual([])
    expect(back).toBe((there! >>> 12) | ((there! & 0xfff) << 12))
  })

  it('tells its programs what the kernel told', () => {
    const said = new Map(runs.flatMap((run) => [...run.said]))
    for (const [probe, lines] of goldenLog('weave')) {
      const told = lines.filter((line) => !line.startsWith('# '))
      expect(said.get(probe), probe).toEqual(told.map((line) => line.replace(/:55}$/, ':0}')))
    }
  })

  it('leaves the tables that the kernel had, but for what stood there for the datapath', () => {
    const run = { seed: 'state', rest: 0, lead: WEAVE_LEAD }
    const { lab } = runScheme('weave', weaveByScheme, ['isol'], run)
    expectSameTables('weave', lab, (line) => asTheScript(lab, line), withoutStandIn)
  })

  it('loses no frame from its books', () => {
    expect(runs.map(({ imbalance }) => imbalance)).toEqual([0, 0])
  })
})

/** Of the containers' devices in the golden state. */
const LAB_MACS = {
  c1: '1a:ac:d2:0e:7e:57',
  x1: 'fe:a2:95:ba:37:23',
  c2: '62:98:25:4b:af:c6',
  x2: '22:23:3e:e1:1e:be',
}

/** Rows of ours that the lab's script had no part in. */
const BY_ROUTER = [
  // The tunnel of all peers, and the bridge's own MAC, which is the peer's name.
  /\bvxlan-6784\b|^vxlan id 0 |dev weave master weave permanent$/,
  // Containers are kept from all multicast, and announce themselves when they are attached.
  /^224\.0\.0\.0\/4 dev eth0 scope link$/,
  new RegExp(`^(${LAB_MACS.x1}|${LAB_MACS.c2}) dev vethwe\\S+ master weave$`),
]

function asTheScript(lab: Lab, line: string): string | null {
  const named = Object.entries(LAB_MACS).reduce((text, [node, mac]) => {
    return text.replaceAll(formatMac(lab.device(node, 'eth0').mac), mac)
  }, line)
  return BY_ROUTER.some((pattern) => pattern.test(named)) ? null : withoutState(named)
}

/**
 * Without the tunnel device of each peer and the table of the second bridge, in whose place a datapath has
 * flows, and without what the kernel of h2 sent by its bridge.
 */
function withoutStandIn(line: string): string | null {
  const isStandIn = /vxlan-6784-|^vxlan id |master datapath|^46:74:de:16:2a:67 dev vethwe-bridge/
  return isStandIn.test(line) ? null : withoutState(line.replace(/@vethwe-\w+/, ''))
}

/** How fresh a neighbour is follows from Weave's sysctls, and between hosts from the routers' talk. */
function withoutState(line: string): string {
  return line.replace(/ (REACHABLE|STALE|DELAY|PROBE)$/, '')
}
