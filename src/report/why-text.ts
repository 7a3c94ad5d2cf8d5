import type { PacketKind } from '../measure/trace-recorder.ts'
import { isArpRequest, type Journey } from '../study/why/journey.ts'
import type { ProbeOutcome } from '../study/why.ts'
import { errnoWords } from './error-words.ts'
import { formatCount, formatTime, plural } from './format.ts'
import { fateText, journeyLines, remedyOf, verdictOf } from './journey-text.ts'
import { type Layout, paint, wrap } from './lines.ts'
import { reasonText } from './stage-words.ts'
import { causeRemedy, causeText } from './why-cause.ts'

/** Packets by their names in a report. */
export const KINDS: Readonly<Record<PacketKind, string>> = {
  arp: 'ARP',
  'echo-request': 'Echo request',
  'echo-reply': 'Echo reply',
  'icmp-error': 'ICMP error',
  udp: 'UDP datagram',
  'tcp-syn': 'SYN',
  'tcp-syn-ack': 'SYN-ACK',
  'tcp-data': 'Data segment',
  'tcp-ack': 'ACK',
  'tcp-fin': 'FIN',
  'tcp-rst': 'RST',
  other: 'Packet',
}
const ARP_INDENT = 4

/** Where one packet went, hop by hop; first of all whether it arrived, and if not, why. */
export function whyReport(outcome: ProbeOutcome, layout: Layout): string {
  const { journeys } = outcome
  const sections = new Sections(outcome, shownJourneys(outcome), layout)
  return [
    ...verdictLines(outcome, journeys, layout),
    ...sections.lines(),
    ...cpuLines(outcome, layout),
    ...missedLines(outcome, layout),
  ].join('\n')
}

function verdictLines(
  outcome: ProbeOutcome,
  journeys: readonly Journey[],
  layout: Layout,
): string[] {
  const { request, source, destination, scenario, variant, seed, sentAt } = outcome
  const who = `${nameOf(request.from, source)} to ${nameOf(request.to, destination)}`
  const lines = wrap(`${who}: ${verdictText(outcome, journeys)}`, layout.columns)
  const style = outcome.delivered ? 'green' : 'red'
  const report = lines.map((line) => paint(layout, style, line))
  report.push(...causeLines(outcome, layout), ...connectionLines(outcome, layout))
  for (const journey of shownJourneys(outcome)) {
    if (journey.kind === 'arp' && journey.fate.kind !== 'dropped') continue
    report.push(...wrap(`${KINDS[journey.kind]}: ${fateText(journey)}.`, layout.columns, '  ', 4))
    const remedy = remedyOf(journey)
    if (remedy !== null) report.push(...wrap(`Remedy: ${remedy}`, layout.columns, '    ', 4))
  }
  const of = variant === null ? scenario : `${scenario}, ${variant}`
  const facts = wrap(`${of}; seed ${seed}; sent at ${formatTime(sentAt)}`, layout.columns, '  ')
  return [...report, ...facts.map((line) => paint(layout, 'dim', line))]
}

/** What has to change, before what was seen: the one sentence that is asked for. */
function causeLines({ cause }: ProbeOutcome, layout: Layout): string[] {
  if (cause === null) return []
  const lines = wrap(`Cause: ${causeText(cause)}.`, layout.columns, '  ', 4)
  const remedy = causeRemedy(cause)
  const way = remedy === null ? [] : wrap(`Way out: ${remedy}`, layout.columns, '  ', 4)
  return [...lines.map((line) => paint(layout, 'bold', line)), ...way]
}

function connectionLines({ connection, request }: ProbeOutcome, layout: Layout): string[] {
  if (connection === null) return []
  const { establishedAt, acknowledged, retransmissions, timeouts, mss, state, error } = connection
  const parts = [
    establishedAt === null ? 'no handshake' : `segments of up to ${mss} bytes`,
    `${formatCount(acknowledged)} of ${plural(request.size, 'byte')} acknowledged`,
    `${plural(retransmissions, 'retransmission')}, ${plural(timeouts, 'timeout')}`,
    error === null ? state : errnoWords(error),
  ]
  return wrap(`Connection: ${parts.join('; ')}.`, layout.columns, '  ', 4)
}

/** Of a connection the segments that matter: one of each kind, and the first that was lost of each. */
export function shownJourneys({ journeys, request }: ProbeOutcome): readonly Journey[] {
  if (request.protocol !== 'tcp') return journeys
  const seen = new Set<string>()
  return journeys.filter(({ kind, fate, first }) => {
    if (!kind.startsWith('tcp')) return true
    // What was cut on its way is told of its first piece.
    const isPiece = kind === 'tcp-data' && first.event.stage !== 'socket_send'
    const key = `${kind} ${fate.kind}`
    if (isPiece || seen.has(key)) return false
    seen.add(key)
    return true
  })
}

function nameOf(name: string, address: string): string {
  return name === address ? name : `${name} (${address})`
}

/** Whether it arrived, or where and why not, in one sentence. */
export function verdictText(outcome: ProbeOutcome, journeys: readonly Journey[]): string {
  const { sendError, knownMtu, delivered, latency, request } = outcome
  if (sendError !== null) {
    const mtu = sendError === 'EMSGSIZE' ? `; that MTU is ${knownMtu}` : ''
    return `NOT SENT: ${errnoWords(sendError)}${mtu}.`
  }
  if (delivered) {
    const took = formatTime(latency ?? 0)
    if (request.protocol === 'icmp') return `delivered; the reply came after ${took}.`
    if (request.protocol === 'udp') return `delivered in ${took}.`
    return `delivered; the connection was opened, used and closed in ${took}.`
  }
  for (const { kind, fate } of journeys) {
    if (kind === 'arp' || fate.kind !== 'dropped') continue
    const where = `${verdictOf(fate.reason)} at ${fate.end.event.place}`
    return `NOT DELIVERED: ${KINDS[kind]} ${where}: ${reasonText(fate.reason)}.`
  }
  return 'NOT DELIVERED.'
}

/** What the packet, its answer and their ARP cost the machines on the way. */
function cpuLines({ cpu }: ProbeOutcome, layout: Layout): string[] {
  if (cpu.length === 0) return []
  const sum = (times: Iterable<number>) => [...times].reduce((total, time) => total + time, 0)
  const lines = cpu.flatMap(({ machine, stages }) => {
    const told = [...stages]
      .sort((a, b) => b[1] - a[1])
      .map(([stage, time]) => `${stage} ${formatTime(time)}`)
    const text = `${machine}: ${formatTime(sum(stages.values()))}: ${told.join(', ')}`
    return wrap(text, layout.columns, '  ', 4)
  })
  return ['', paint(layout, 'bold', 'CPU time, with answer and ARP'), ...lines]
}

function missedLines({ missed }: ProbeOutcome, layout: Layout): string[] {
  if (missed === 0) return []
  const text = `${plural(missed, 'event')} more could not be kept: what is shown may lack the end.`
  return ['', ...wrap(text, layout.columns)]
}

/** One section a packet; ARP stands where it happened, within the packet that waited for it. */
class Sections {
  private readonly outcome: ProbeOutcome
  private readonly layout: Layout
  private readonly mains: readonly Journey[]
  private readonly resolutions: Journey[]
  private readonly told = new Map<string, number>()

  constructor(outcome: ProbeOutcome, journeys: readonly Journey[], layout: Layout) {
    this.outcome = outcome
    this.layout = layout
    this.mains = journeys.filter(({ kind }) => kind !== 'arp')
    this.resolutions = journeys.filter(({ kind }) => kind === 'arp')
  }

  lines(): string[] {
    const lines: string[] = []
    for (const journey of this.mains) {
      lines.push('', paint(this.layout, 'bold', `${KINDS[journey.kind]}${this.waits(journey)}`))
      const layout = { ...this.layout, start: this.outcome.sentAt, indent: 0 }
      lines.push(...journeyLines(journey, layout, (from, to) => this.resolutionsIn(from, to)))
    }
    const rest = this.resolutionsIn(-1, Infinity)
    return rest.length === 0
      ? lines
      : [...lines, '', paint(this.layout, 'bold', 'Further ARP'), ...rest]
  }

  /** How long it stood in queues, where it did. */
  private waits({ waited }: Journey): string {
    return waited === 0 ? '' : `, ${formatTime(waited)} of its time in queues`
  }

  /** ARP that began between two steps of a packet, told once. */
  private resolutionsIn(from: number, to: number): string[] {
    const here = this.resolutions.filter(({ first }) => first.order > from && first.order < to)
    for (const journey of here) this.resolutions.splice(this.resolutions.indexOf(journey), 1)
    return here.flatMap((journey) => this.resolution(journey))
  }

  private resolution(journey: Journey): string[] {
    const { layout, outcome } = this
    const { event } = journey.first
    const margin = ' '.repeat(ARP_INDENT)
    const isRequest = isArpRequest(event)
    const fate = fateText(journey, isRequest ? 'answered' : 'learned')
    const key = `${event.frame} ${journey.fate.kind} ${journey.fate.end.event.place}`
    const before = this.told.get(key)
    this.told.set(key, (before ?? 0) + 1)
    if (before !== undefined) {
      const after = formatTime(event.time - outcome.sentAt)
      return wrap(`${event.frame}: again after ${after}, with the same end`, layout.columns, margin)
    }
    const inner = { ...layout, start: outcome.sentAt, indent: ARP_INDENT }
    const title = `ARP ${isRequest ? 'request' : 'reply'}: ${fate}`
    return [...wrap(title, layout.columns, margin), ...journeyLines(journey, inner, () => [])]
  }
}
