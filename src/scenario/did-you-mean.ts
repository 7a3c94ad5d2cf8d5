/** The candidate that `word` most likely meant, or null when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const limit = word.length <= 2 ? 1 : word.length <= 5 ? 2 : 3
  let best: string | null = null
  let bestDistance = limit + 1
  const lower = word.toLowerCase()
  for (const candidate of candidates) {
    if (candidate.length < word.length - limit) continue
    const distance = distanceTo(lower, candidate.toLowerCase())
    if (distance < bestDistance && distance < Math.max(word.length, candidate.length)) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** A word that was cut short is nearer than its missing letters tell. */
function distanceTo(word: string, candidate: string): number {
  const whole = editDistance(word, candidate)
  if (word.length < 4 || candidate.length <= word.length + 1) return whole
  return Math.min(whole, editDistance(word, candidate.slice(0, word.length + 1)) + 0.5)
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, beforeLast[j - 2]! + 1)
      }
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/** `did you mean "x"?`, or the names that there are when nothing is near. */
export function suggest(word: string, candidates: readonly string[], what: string): string {
  const meant = nearest(word, candidates)
  if (meant !== null) return `did you mean "${meant}"?`
  if (candidates.length === 0) return `there are no ${what}`
  const shown = candidates.slice(0, SHOWN_MAX).join(', ')
  const more = candidates.length > SHOWN_MAX ? ` and ${candidates.length - SHOWN_MAX} more` : ''
  return `${what}: ${shown}${more}`
}

const SHOWN_MAX = 12
