import { textWidth } from './heading-option.ts'
import { INK } from './style.ts'

const ROW = 22
/** Between names, and between rows. */
const GAP = 20
const ICON_HEIGHT = 14
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
  const rows = rowsOf(names, width)
  return { option, height: rows === 0 ? 0 : ROW + (rows - 1) * (ICON_HEIGHT + GAP) }
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
