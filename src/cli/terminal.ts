/** Whether colours are wanted: on a terminal, unless NO_COLOR is set (no-color.org). */
export function hasColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR } = process.env
  return stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '')
}

/** Columns for text: those of the terminal, at most 120; 80 when piped. */
export function columns(stream: NodeJS.WriteStream): number {
  // A pseudo terminal that nobody has sized says 0.
  return stream.isTTY && stream.columns > 0 ? Math.max(60, Math.min(stream.columns, 120)) : 80
}
