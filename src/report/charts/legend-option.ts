import { textWidth } from './heading-option.ts'
import { INK } from './style.ts'

const ROW = 22
const GAP = 20
const ICON = 26

/** Names of series below the heading, and how many pixels they take. */
export function legendOption(names: readonly string[], top: number, width: number) {
  const option = {
    show: names.length > 0,
    data: names,
    left: 12,
    top: top - 2,
    width: width - 2 * GAP,
    itemGap: GAP,
    itemWidth: ICON,
    textStyle: { color: INK, fontSize: 12 },
  }
  return { option, height: rowsOf(names, width) * ROW }
}

/** Rows that the names take, laid out one after the other. */
function rowsOf(names: readonly string[], room: number): number {
  let rows = names.length > 0 ? 1 : 0
  let used = 0
  for (const name of names) {
    const width = ICON + 5 + textWidth(name) + GAP
    if (used > 0 && used + width > room - 2 * GAP) {
      rows++
      used = 0
    }
    used += width
  }
  return rows
}
