/** Two systems may cut the same transfer differently; whatever else differs must be found. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compareRun } from './compare.ts'
import { formatFrame, parseGolden, type TextFrame } from './text.ts'
import { alignTransfers, reduceTransfer } from './transfer.ts'

const MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02', '0e:00:00:00:00:01', '0e:00:00:00:00:02']
const MSS = 1398
const transfer = golden('flannel-vxlan')
const FIRST_DATA = transfer.findIndex((frame) => dataBytes(frame) > 0)
const FIN = transfer.findIndex((frame) => field(frame, 'flags') === 'F.')

function golden(scheme: string): TextFrame[] {
  const url = new URL(`${scheme}/tcp200k-underlay.txt`, import.meta.url)
  return parseGolden(readFileSync(url, 'utf8'))
}

function field({ layers }: TextFrame, name: string): string {
  return layers.find(({ protocol }) => protocol === 'tcp')!.fields.get(name)!
}

function dataBytes(frame: TextFrame): number {
  return Number(field(frame, 'len'))
}

function compare(ours: readonly TextFrame[], kernel: readonly TextFrame[] = transfer) {
  const aligned = alignTransfers(kernel, ours)
  return { ...aligned, found: compareRun([{ name: 'tcp', ...aligned }], MACS) }
}

/** The text of frame `index` changed; of all frames without it. */
function altered(from: string, to: string, index?: number): TextFrame[] {
  return transfer.map((frame, at) => {
    const text = formatFrame(frame)
    if (index !== undefined && index !== at) return frame
    if (index !== undefined && !text.includes(from)) throw new Error(`no ${from} in:\n${text}`)
    return parseGolden(text.replaceAll(from, to))[0]!
  })
}

/** Data of frame `index` with this range, its lengths made to fit. */
function cut(index: number, from: number, length: number): TextFrame {
  const frame = transfer[index]!
  const missing = dataBytes(frame) - length
  const layers = frame.layers.map(({ protocol, fields }) => {
    const changed = new Map(fields)
    if (fields.has('len')) changed.set('len', String(Number(fields.get('len')) - missing))
    if (protocol === 'tcp') changed.set('seq', String(from))
    if (fields.has('id')) changed.set('id', `0x${(from % 65_000).toString(16).padStart(4, '0')}`)
    return { protocol, fields: changed }
  })
  return { ...frame, length: frame.length - missing, layers }
}

/** The data cut at every MSS, without regard to writes: as when all was written before the first went. */
function recut(bytes = MSS): TextFrame[] {
  const data: TextFrame[] = []
  for (let from = 1; from <= 200_000; from += bytes) {
    data.push(cut(FIRST_DATA, from, Math.min(bytes, 200_001 - from)))
  }
  return [...transfer.slice(0, FIRST_DATA), ...data, ...transfer.slice(FIN)]
}

it('reads data lines as the whole frame before them with their own fields', () => {
  const [first, second] = transfer.slice(FIRST_DATA)
  expect(formatFrame(second!)).toBe(
    formatFrame(first!)
      .replace(/t=\S+/, `t=${second!.time.toFixed(6)}`)
      .replace('id=0x6c5f', 'id=0x6c60')
      .replace('id=0xafad', 'id=0xafae')
      .replace('seq=1 ', 'seq=1399 '),
  )
  const data = transfer.filter((frame) => dataBytes(frame) > 0)
  expect(data.reduce((sum, frame) => sum + dataBytes(frame), 0)).toBe(200_000)
})

describe('a transfer', () => {
  it('is the same as itself, segment by segment', () => {
    expect(compare(transfer)).toMatchObject({ found: null, sameSegments: 147, otherBytes: 0 })
  })

  it('is the same when it was cut elsewhere, as far as both cut alike', () => {
    const { found, sameSegments, otherBytes } = compare(recut())
    expect(found).toBeNull()
    expect(sameSegments).toBe(11)
    expect(otherBytes).toBe(200_000 - 11 * MSS)
  })

  it('is the same when segments overtook each other: the kernel’s always, ours where they may', () => {
    const [a, b] = [FIRST_DATA + 20, FIRST_DATA + 21]
    const swapped = transfer.with(a, transfer[b]!).with(b, transfer[a]!)
    expect(compare(transfer, swapped).found).toBeNull()
    expect(compare(swapped).found).not.toBeNull()
    const aligned = alignTransfers(transfer, swapped, true)
    expect(compareRun([{ name: 'tcp', ...aligned }], MACS)).toBeNull()
  })

  it('is the same when its FIN rode on the last data', () => {
    const last = FIN - 1
    const riding = parseGolden(formatFrame(transfer[last]!).replace('flags=.', 'flags=F.'))
    const kernel = [...transfer.slice(0, last), ...riding, ...transfer.slice(FIN + 1)]
    expect(compare(transfer, kernel).found).toBeNull()
  })

  it('is the same when it began with other random numbers, and was faster', () => {
    const raw = transfer.map((frame) => {
      const [, port] = [field(frame, 'dport'), field(frame, 'sport')]
      const [own, peer] = port === '5001' ? [7, 4_294_967_290] : [4_294_967_290, 7]
      const isSyn = field(frame, 'flags') === 'S'
      const text = formatFrame(frame)
        .replace(/ seq=(\d+)/, (_, n) => ` seq=${(Number(n) + own) % 2 ** 32}`)
        .replace(/ ack=(\d+)/, (_, n) => ` ack=${isSyn ? 0 : (Number(n) + peer) % 2 ** 32}`)
        .replace(/ tsval=\d+/, ` tsval=${own}`)
        .replace(/ tsecr=\d+/, ` tsecr=${isSyn ? 0 : peer}`)
        .replace(/t=\S+/, 't=7.264284')
        .replaceAll('58620', '40404')
      return parseGolden(text)[0]!
    })
    expect(compare(reduceTransfer(raw)).found).toBeNull()
  })
})

it('is reduced to what does not depend on timing', () => {
  const [syn, synAck, ack, data] = transfer as [TextFrame, TextFrame, TextFrame, TextFrame]
  const pushed = parseGolden(formatFrame(data).replace('flags=. ', 'flags=P. win=64 '))[0]!
  expect(reduceTransfer([syn, synAck, ack, pushed, ack])).toEqual([syn, synAck, ack, data])
})

describe('a planted difference', () => {
  it.each([
    ['the MSS', 'mss=1410', 'mss=1460', 0, 'tcp mss: 1410, ours 1460'],
    ['the window scale', 'wscale=10', 'wscale=7', 1, 'tcp wscale'],
    ['the order of options', 'mss,sackOK,TS', 'mss,TS,sackOK', 0, 'tcp options'],
    ["the SYN's window", 'win=64860', 'win=64240', 0, 'tcp win'],
    ["the handshake's acknowledgement", 'ack=1', 'ack=2', 2, 'tcp ack'],
    ['a SYN that echoes', 'tsecr=0', 'tsecr=9', 0, 'tcp tsecr'],
    ['an echo of the future', 'tsecr=0', 'tsecr=9', 2, 'tcp tsecr: echo, ours 9'],
    ['a clock that runs ahead', 'tsval=0', 'tsval=9', 2, 'tcp tsval: clock, ours 9'],
    ['a flag of data', 'flags=. ', 'flags=R. ', FIRST_DATA + 9, 'tcp flags'],
    ['a checksum', 'csum=unverified', 'csum=bad', FIRST_DATA + 9, 'csum'],
    ['the inner TTL of one segment', 'ttl=63', 'ttl=62', FIRST_DATA + 30, 'layer 6, ip ttl'],
    ['the outer DF of one segment', 'df=0', 'df=1', FIRST_DATA + 30, 'layer 2, ip df'],
    ['the outer source port of one segment', 'sport=35729', 'sport=40000', FIN - 1, 'udp sport'],
    ['the sequence number of the FIN', 'seq=200001', 'seq=200000', FIN, 'tcp seq'],
    ['the sequence number of data', 'seq=1399 ', 'seq=1400 ', FIRST_DATA + 1, 'tcp seq'],
    ['an id that came before', 'id=0xafae', 'id=0xafad', FIRST_DATA + 1, 'IP id'],
  ])('in %s is found', (_what, from, to, index, message) => {
    expect(compare(altered(from, to, index)).found).toContain(message)
  })

  it.each([
    ['TTL', 'ttl=63', 'ttl=62'],
    ['DF', 'df=1', 'df=0'],
    ['flag', 'flags=.', 'flags=R.'],
  ])('in the %s of a segment that the kernel cut otherwise is found', (_what, from, to) => {
    const ours = recut()
    const text = formatFrame(ours[FIRST_DATA + 60]!)
    ours[FIRST_DATA + 60] = parseGolden(text.replace(from, to))[0]!
    expect(compare(ours).found).toMatch(/\|/)
  })

  it('of a segment that is missing, sent twice or out of order is found', () => {
    const at = FIRST_DATA + 40
    for (const cuts of [transfer, recut()]) {
      const [before, one, two, after] = [
        cuts.slice(0, at),
        cuts[at]!,
        cuts[at + 1]!,
        cuts.slice(at + 2),
      ]
      expect(compare([...before, two, ...after]).found).not.toBeNull()
      expect(compare([...before, one, one, two, ...after]).found).not.toBeNull()
      expect(compare([...before, two, one, ...after]).found).not.toBeNull()
    }
  })

  it('of bytes that are missing at the end, or of all data, is found', () => {
    const shorter = [...transfer.slice(0, FIN - 1), cut(FIN - 1, 199_405, 595)]
    expect(compare([...shorter, ...transfer.slice(FIN)]).found).not.toBeNull()
    const none = [...transfer.slice(0, FIRST_DATA), ...transfer.slice(FIN)]
    expect(compare(none).found).not.toBeNull()
  })

  it('of segments longer than the MSS, or never as long, is found', () => {
    expect(compare(recut(MSS + 1)).found).toContain('length 1514, ours 1515')
    expect(compare(recut(MSS - 1)).found).toContain('length 1514, ours 1513')
  })

  it('of a missing handshake, FIN or answer to it is found', () => {
    for (const index of [0, 1, 2, FIN, FIN + 1]) {
      const ours = transfer.filter((_frame, at) => at !== index)
      expect(compare(ours).found).not.toBeNull()
    }
  })
})
