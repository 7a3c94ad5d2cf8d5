/**
 * Weave's data frames against those of a kernel that was set up to send the same: see
 * test/golden/README.md. Of that lab the routers were no part, so that theirs are left out here.
 */
import { describe, expect, it } from 'vitest'
import { compareRun } from '../golden/compare.ts'
import type { TextFrame } from '../golden/text.ts'
import { WEAVE_LEAD, weaveByScheme } from '../lab/weave.ts'
import { type Probe, type RunPart, runScheme } from './golden-run.ts'

const PROBES: Probe[] = ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx']
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

function dataOf({ name, kernel, ours }: RunPart): RunPart {
  const isUnderlay = name.endsWith('-underlay')
  const only = (frames: readonly TextFrame[]) =>
    frames.filter((frame) => isData(frame, isUnderlay, name.startsWith('ping')))
  return { name, kernel: only(kernel), ours: only(ours).map((frame) => withLabIds(frame)) }
}

function vnis(frames: readonly TextFrame[]): number[] {
  const all = frames.flatMap(({ layers }) => layers.find((each) => each.protocol === 'vxlan') ?? [])
  return [...new Set(all.map(({ fields }) => Number(fields.get('vni'))))]
}

describe('weave', () => {
  const run = runScheme('weave', weaveByScheme, PROBES, { seed: '1', lead: WEAVE_LEAD })

  it('sends the data frames that the kernel sent', () => {
    const parts = run.parts.map((part) => dataOf(part))
    expect(parts.flatMap(({ kernel }) => kernel)).toHaveLength(60)
    expect(compareRun(parts, run.configuredMacs)).toBeNull()
  })

  it('has two VNIs, each the halves of the other changed over', () => {
    const underlay = run.parts.filter(({ name }) => name.endsWith('underlay'))
    const [there, back, ...more] = vnis(underlay.flatMap(({ ours }) => ours))
    expect(more).toEqual([])
    expect(back).toBe((there! >>> 12) | ((there! & 0xfff) << 12))
  })

  it('loses no frame from its books', () => {
    expect(run.imbalance).toBe(0)
  })
})
