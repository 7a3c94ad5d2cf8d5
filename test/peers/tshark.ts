/** Reads captures that we write with Wireshark's dissectors, which know nothing of our codec. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TSHARK = 'tshark'

/** Of `_ws.expert.severity` and `_ws.expert.group` (epan/proto.h). */
const SEVERITY_WARN = 0x600000
const GROUP_CHECKSUM = 0x01000000
const GROUP_MALFORMED = 0x07000000

const CHECKSUM_BAD = '0'
const CHECKSUM_STATUS_FIELDS = [
  'ip.checksum.status',
  'udp.checksum.status',
  'tcp.checksum.status',
  'icmp.checksum.status',
]
const EXPERT_FIELDS = ['_ws.expert.severity', '_ws.expert.group', '_ws.expert.message']

/** tshark takes these ports for OTV and BFD. */
const DECODE_AS = ['udp.port==8472,vxlan', 'udp.port==6784,vxlan']
const PREFERENCES = [
  'ip.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'tcp.relative_sequence_numbers:FALSE',
]

/**
 * A stream that was captured at both of its ends comes twice, and where two segments are on their way at
 * once, out of order: tshark then reassembles one message out of both copies.
 */
const SEEN_TWICE = 'New fragment overlaps old data (retransmission?)'

const AGGREGATOR = '|'

/** The values of each field that was asked for: outermost header first, empty when absent. */
export type Packet = Readonly<Record<string, readonly string[]>>

/**
 * Whether a program that tests compare with is installed. When it is not, one line says so and the
 * tests are to be skipped; with ENCAP_REQUIRE_PEERS=1 it is an error.
 */
export function peerAvailable(command: string): boolean {
  if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined) return true
  const message = `${command} is not installed`
  if (process.env['ENCAP_REQUIRE_PEERS'] === '1') throw new Error(message)
  console.warn(`${message}: its tests are skipped`)
  return false
}

/**
 * Reads a capture and throws, with a line for each fault, when tshark finds a malformed packet or a
 * wrong checksum, at any depth.
 * @param fields tshark's names of the fields to return, as `vxlan.vni`.
 * @param preferences tshark's, as `http.desegment_body:FALSE`.
 */
export function expectCleanCapture(
  pcapng: Uint8Array,
  fields: readonly string[] = [],
  preferences: readonly string[] = [],
): Packet[] {
  const all = [...fields, ...CHECKSUM_STATUS_FIELDS, ...EXPERT_FIELDS]
  const packets = readCapture(pcapng, all, [...PREFERENCES, ...preferences])
  const faults = packets.flatMap((packet, i) =>
    faultsOf(packet).map((fault) => `frame ${i + 1}: ${fault}`),
  )
  if (faults.length > 0) throw new Error(`tshark finds faults\n${faults.join('\n')}`)
  return packets
}

function faultsOf(packet: Packet): string[] {
  const faults = CHECKSUM_STATUS_FIELDS.filter((field) =>
    packet[field]!.includes(CHECKSUM_BAD),
  ).map((field) => `${field} bad`)
  const [severities, groups, messages] = EXPERT_FIELDS.map((field) => packet[field]!)
  severities!.forEach((severity, i) => {
    const group = Number(groups![i])
    const isFault = group === GROUP_CHECKSUM || group === GROUP_MALFORMED
    const isSeenTwice = messages![i] === SEEN_TWICE
    if (isFault && !isSeenTwice && Number(severity) >= SEVERITY_WARN) {
      faults.push(messages![i] ?? 'no message')
    }
  })
  return faults
}

function readCapture(
  pcapng: Uint8Array,
  fields: readonly string[],
  preferences: readonly string[],
): Packet[] {
  const folder = mkdtempSync(join(tmpdir(), 'encap-tshark-'))
  try {
    const file = join(folder, 'capture.pcapng')
    writeFileSync(file, pcapng)
    const output = execFileSync(TSHARK, argumentsFor(file, fields, preferences), {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      // Root is warned of on every run; what is wrong with the file changes the exit status.
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return output
      .split('\n')
      .slice(0, -1)
      .map((line) => packetOf(line, fields))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function argumentsFor(
  file: string,
  fields: readonly string[],
  preferences: readonly string[],
): string[] {
  return [
    '-n',
    '-r',
    file,
    ...DECODE_AS.flatMap((rule) => ['-d', rule]),
    ...preferences.flatMap((preference) => ['-o', preference]),
    ...['-T', 'fields', '-E', 'occurrence=a', '-E', `aggregator=${AGGREGATOR}`],
    ...fields.flatMap((field) => ['-e', field]),
  ]
}

function packetOf(line: string, fields: readonly string[]): Packet {
  const columns = line.split('\t')
  return Object.fromEntries(
    fields.map((field, i) => {
      const text = columns[i] ?? ''
      return [field, text === '' ? [] : text.split(AGGREGATOR).map(flagOf)]
    }),
  )
}

/** Newer versions spell flags out. */
function flagOf(value: string): string {
  return value === 'True' ? '1' : value === 'False' ? '0' : value
}
