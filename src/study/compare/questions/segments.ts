import type { Cell } from '../cell.ts'
import type { SegmentTag, Sight } from '../sight.ts'
import type { Trial } from '../trial.ts'

const SECTION = 'limits of segments'
const PROBE = 'echo requests red-1 to red-3 and blue-1 to blue-3, seen on the cable of the sender'
/** 0 and 4095 are no VLANs (IEEE 802.1Q). */
const VLANS_RESERVED = 2

/** Whether the frames of two networks differ in a number, and how many of it there are. */
export function segments(
  trial: Trial,
  red: Sight | null,
  blue: Sight | null,
  refusal: string | null,
): Cell[] {
  const cell = (row: string, value: Cell['value'], text: string) =>
    trial.cell(SECTION, row, value, text, PROBE)
  if (refusal !== null) {
    return [
      cell('told apart in frames by', null, 'one network only'),
      cell('networks at most', 1, '1'),
    ]
  }
  const tag = tagBetween(red, blue)
  if (tag === null) {
    return [
      cell('told apart in frames by', null, 'addresses only'),
      cell('networks at most', null, 'no number in frames'),
    ]
  }
  const { kind, bits } = tag
  const most = 2 ** bits - (kind === 'VLAN ID' ? VLANS_RESERVED : 0)
  return [
    cell('told apart in frames by', kind, `${kind}, ${bits} bits`),
    cell('networks at most', most, String(most)),
  ]
}

function tagBetween(red: Sight | null, blue: Sight | null): SegmentTag | null {
  const found = red?.tags.find(({ kind, value }) =>
    blue?.tags.some((other) => other.kind === kind && other.value !== value),
  )
  return found ?? null
}
