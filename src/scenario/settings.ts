/** `--set path=value`: single values of a scenario replaced from the command line. */
import { shown } from './faults.ts'
import type { Issue, IssueCode } from './issues.ts'
import { isMapping, type Path, type Place, SourceText, type Target } from './place.ts'
import { withShorthand } from './variants.ts'
import { readYaml } from './yaml-tree.ts'

interface Segment {
  readonly step: string | number
  readonly start: number
  readonly end: number
}

const SEGMENT = /\.?(?:"([^"]*)"|([^.[\]"=]+))|\[(\d+)\]/y

/** One setting: where it goes, what it is, and where its parts stand in the argument. */
export class Setting {
  readonly path: Path
  readonly value: unknown
  private readonly text: SourceText
  private readonly segments: readonly Segment[]
  private readonly valueStart: number
  private readonly length: number

  constructor(
    text: SourceText,
    segments: readonly Segment[],
    valueStart: number,
    length: number,
    value: unknown,
  ) {
    this.text = text
    this.segments = segments
    this.path = segments.map((segment) => segment.step)
    this.valueStart = valueStart
    this.length = length
    this.value = value
  }

  /** The place of `path`, as far as this setting leads there; null when it leads elsewhere. */
  locate(path: Path, target: Target): Place | null {
    let depth = 0
    while (depth < this.path.length && this.path[depth] === path[depth]) depth++
    if (depth === 0) return null
    const owns = depth === this.path.length
    const isKey = !owns || (target === 'key' && path.length === this.path.length)
    const segment = this.segments[depth - 1]!
    const [start, end] = isKey ? [segment.start, segment.end] : [this.valueStart, this.length]
    return { text: this.text, start, end, depth: Math.min(depth, path.length), owns }
  }

  issue(code: IssueCode, message: string, remedy: string): Issue {
    const end = this.segments.at(-1)!.end
    return this.text.issueAt(this.segments[0]!.start, end, { code, message, remedy })
  }
}

/** Parses `fabric.links.rate=10Gbps`; `workload[0].size=100B`; a key with dots stands in quotes. */
export function parseSetting(argument: string, index: number): Setting | Issue {
  const file = `--set #${index + 1}`
  const text = new SourceText(file, argument)
  const equals = argument.indexOf('=')
  const segments = equals > 0 ? segmentsOf(argument.slice(0, equals)) : null
  if (segments === null) {
    return text.issueAt(0, argument.length, {
      code: 'syntax',
      message: `${shown(argument)} is not path=value`,
      remedy: 'write it like fabric.links.rate=10Gbps or workload[0].count=10',
    })
  }
  const { tree, issues } = readYaml(argument.slice(equals + 1), file)
  const [issue] = issues
  if (tree === null || issue !== undefined) {
    return text.issueAt(equals + 1, argument.length, {
      code: 'syntax',
      message: issue?.message ?? 'the value cannot be read',
      remedy: issue?.remedy ?? 'write the value as in the file',
    })
  }
  return new Setting(text, segments, equals + 1, argument.length, tree.value)
}

function segmentsOf(path: string): Segment[] | null {
  const segments: Segment[] = []
  SEGMENT.lastIndex = 0
  while (SEGMENT.lastIndex < path.length) {
    const start = SEGMENT.lastIndex
    const match = SEGMENT.exec(path)
    if (match === null) return null
    const [whole, quoted, plain, number] = match
    if (whole.startsWith('.') === (segments.length === 0) && number === undefined) return null
    const step = number === undefined ? (quoted ?? plain!.trim()) : Number(number)
    segments.push({
      step,
      start: start + (whole.startsWith('.') ? 1 : 0),
      end: start + whole.length,
    })
  }
  return segments.length > 0 && typeof segments[0]!.step === 'string' ? segments : null
}

/** `value` with the setting applied, or the issue that there is no such place in it. */
export function applySetting(
  value: unknown,
  setting: Setting,
): { ok: true; value: unknown } | { ok: false; issue: Issue } {
  const copy = structuredClone(value ?? {})
  let parent: unknown = copy
  for (let i = 0; i < setting.path.length; i++) {
    const step = setting.path[i]!
    const isLast = i === setting.path.length - 1
    if (Array.isArray(parent)) {
      if (typeof step !== 'number' || step >= parent.length) {
        const message = `the list has ${parent.length} items, and ${shown(step)} is none of them`
        const remedy = parent.length > 0 ? `[0] to [${parent.length - 1}]` : 'set the whole list'
        return { ok: false, issue: setting.issue('unknown_name', message, remedy) }
      }
    } else if (!isMapping(parent) || typeof step === 'number') {
      const message = `${shown(parent)} has no part ${shown(step)}`
      const remedy = 'set the whole: key={ part: value }'
      return { ok: false, issue: setting.issue('wrong_type', message, remedy) }
    }
    const holder = parent as Record<string | number, unknown>
    if (isLast) holder[step] = setting.value
    else {
      const existing = Object.hasOwn(holder, step) ? (holder[step] ?? {}) : {}
      holder[step] = withShorthand(setting.path.slice(0, i + 1), existing)
      parent = holder[step]
    }
  }
  return { ok: true, value: copy }
}
