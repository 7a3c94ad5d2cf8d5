import { describe, expect, it } from 'vitest'
import { ipv4, prefix } from '../../../wire/ipv4-address.ts'
import { localAttributes, ORIGIN, type PathAttributes } from './attributes.ts'
import { decodeMessage } from './decode.ts'
import { encodeAnnouncements, encodeEndOfRib, encodeMessage, encodeWithdrawals } from './encode.ts'
import { encodeAttributes } from './encode-attributes.ts'
import { bgpError } from './error.ts'
import { type BgpMessage, isEndOfRib, type UpdateMessage } from './message.ts'
import { MessageStream } from './message-stream.ts'

const MARKER = 'ff'.repeat(16)

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** A message from its type and body, both in hexadecimal. */
function message(type: string, body: string): string {
  const octets = body.replaceAll(' ', '')
  const length = (19 + octets.length / 2).toString(16).padStart(4, '0')
  return `${MARKER}${length}${type}${octets}`
}

const OPEN: BgpMessage = {
  kind: 'open',
  as: 4200000001,
  holdTime: 9,
  routerId: ipv4('100.64.0.1'),
  capabilities: {
    ipv4Unicast: true,
    routeRefresh: true,
    fourOctetAs: 4200000001,
    gracefulRestart: {
      hasRestarted: true,
      restartTime: 120,
      isAble: true,
      hasForwarded: true,
    },
  },
}

const ATTRIBUTES: PathAttributes = {
  origin: ORIGIN.incomplete,
  asPath: [
    { type: 'sequence', ases: [4200000001, 65001] },
    { type: 'set', ases: [7, 8] },
  ],
  nextHop: ipv4('10.0.0.1'),
  med: 7,
  localPref: 100,
  communities: [0xffffff01, 65001 * 65536 + 9],
  originatorId: ipv4('192.168.0.1'),
  clusterList: [ipv4('192.168.0.2'), ipv4('1.1.1.1')],
  others: [
    { flags: 0x40, type: 6, value: new Uint8Array(0) },
    { flags: 0xe0, type: 32, value: Uint8Array.of(1, 2, 3) },
  ],
}

/** Each by hand from the figures of RFC 4271, 2918, 4724, 6793 and 4456. */
const CASES: readonly (readonly [string, BgpMessage, string])[] = [
  [
    'OPEN',
    { ...OPEN, as: 23456 },
    message(
      '01',
      '04 5ba0 0009 64400001 18 02 16' + // version, AS_TRANS, hold time, identifier; parameters
        '0104 0001 00 01' + // IPv4 unicast
        '0200' + // route refresh
        '4006 8078 0001 01 80' + // graceful restart: R, 120 s, IPv4 unicast, F
        '4104 fa56ea01', // AS 4200000001
    ),
  ],
  ['KEEPALIVE', { kind: 'keepalive' }, message('04', '')],
  [
    'NOTIFICATION',
    { kind: 'notification', error: bgpError(2, 2, Uint8Array.of(0xab, 0xcd)) },
    message('03', '0202abcd'),
  ],
  ['ROUTE-REFRESH', { kind: 'route-refresh', afi: 1, safi: 1 }, message('05', '00010001')],
  [
    'UPDATE that withdraws',
    {
      kind: 'update',
      withdrawn: [prefix('10.1.0.0/16'), prefix('0.0.0.0/0'), prefix('192.168.4.5/32')],
      attributes: null,
      announced: [],
    },
    message('02', '0009 100a01 00 20c0a80405 0000'),
  ],
  [
    'UPDATE with every attribute',
    {
      kind: 'update',
      withdrawn: [],
      attributes: ATTRIBUTES,
      announced: [prefix('10.20.30.0/24'), prefix('10.128.0.0/9')],
    },
    message(
      '02',
      '0000 0056' +
        '400101 02' +
        '400214 0202 fa56ea01 0000fde9 0102 00000007 00000008' +
        '400304 0a000001' +
        '800404 00000007' +
        '400504 00000064' +
        '400600' +
        'c00808 ffffff01 fde90009' +
        '800904 c0a80001' +
        '800a08 c0a80002 01010101' +
        'e02003 010203' +
        '180a141e 090a80',
    ),
  ],
]

describe.each(CASES)('%s', (_, decoded, encoded) => {
  it('is encoded as the RFC has it', () => {
    expect(hex(encodeMessage(decoded))).toBe(encoded)
  })

  it('is decoded from that', () => {
    expect(decodeMessage(unhex(encoded))).toEqual(decoded)
  })
})

function update(body: string): UpdateMessage {
  const decoded = decodeMessage(unhex(message('02', body)))
  if (decoded.kind !== 'update') throw new Error(JSON.stringify(decoded))
  return decoded
}

const ERRORS: readonly (readonly [string, string, string, number, number])[] = [
  ['of an unknown type', '06', '', 1, 3],
  ['too short for an OPEN', '01', '04', 1, 2],
  ['a KEEPALIVE with a body', '04', '00', 1, 2],
  ['an OPEN of another version', '01', '03 5ba0 0009 64400001 00', 2, 1],
  ['an OPEN with an unknown parameter', '01', '04 5ba0 0009 64400001 03 010100', 2, 4],
  [
    'an OPEN whose capability is longer than its parameter',
    '01',
    '04 5ba00009 64400001 04 02020105',
    2,
    0,
  ],
  ['an UPDATE with more withdrawn than it is long', '02', '00ff 0000', 3, 1],
  ['an UPDATE with an attribute that goes past the list', '02', '0000 0004 40010500 08 0a', 3, 1],
  ['an UPDATE with a prefix of 33 bits', '02', '0000 0000 21 0a000000 00', 3, 10],
  ['an UPDATE whose last prefix is cut', '02', '0000 0000 180a14', 3, 10],
  ['an unknown well-known attribute', '02', '0000 0004 40630101 080a', 3, 2],
]

describe('a message that is', () => {
  it.each(ERRORS)('%s: ends the session', (_, type, body, code, subcode) => {
    const decoded = decodeMessage(unhex(message(type, body)))
    expect(decoded).toMatchObject({ kind: 'error', error: { code, subcode } })
  })

  const WITHDRAWN: readonly (readonly [string, string])[] = [
    ['no NEXT_HOP', '0000 0007 400101 00 400200 180a141e'],
    ['an ORIGIN of 3', '0000 000e 400101 03 400200 400304 0a000001 180a141e'],
    [
      'an AS_PATH segment without numbers',
      '0000 0010 400101 00 400202 0200 400304 0a000001 180a141e',
    ],
    ['a NEXT_HOP of three octets', '0000 000d 400101 00 400200 400303 0a0000 180a141e'],
  ]
  it.each(WITHDRAWN)('an UPDATE with %s: withdraws its routes (RFC 7606)', (_, body) => {
    const { attributes, announced } = update(body)
    expect([attributes, announced]).toEqual([null, [prefix('10.20.30.0/24')]])
  })

  it('an UPDATE with an unknown optional attribute keeps it only if it is transitive', () => {
    const known = '400101 00 400200 400304 0a000001'
    const { attributes } = update(`0000 0017 ${known} c06301aa 80640201bb 180a141e`)
    // It is marked as one that somebody on the way did not know.
    const kept = { flags: 0xe0, type: 0x63, value: Uint8Array.of(0xaa) }
    expect(attributes!.others).toEqual([kept])
  })
})

describe('long lists', () => {
  const blocks = Array.from({ length: 2000 }, (_, i) => ({ base: (i << 12) | 0, length: 20 }))
  const all = (messages: Uint8Array[]) => messages.map((each) => decodeMessage(each))

  it('are announced in messages of at most 4096 octets', () => {
    const messages = encodeAnnouncements(encodeAttributes(localAttributes(1)), blocks)
    for (const { length } of messages) expect(length).toBeLessThanOrEqual(4096)
    const updates = all(messages) as UpdateMessage[]
    expect(updates.flatMap(({ announced }) => announced)).toEqual(blocks)
    expect(new Set(updates.map(({ attributes }) => JSON.stringify(attributes))).size).toBe(1)
  })

  it('are withdrawn so too', () => {
    const messages = encodeWithdrawals(blocks)
    expect(messages.length).toBeLessThanOrEqual(3)
    const updates = all(messages) as UpdateMessage[]
    expect(updates.flatMap(({ withdrawn }) => withdrawn)).toEqual(blocks)
  })

  it('of AS numbers take an extended length', () => {
    const asPath = [{ type: 'sequence' as const, ases: Array.from({ length: 200 }, (_, i) => i) }]
    const attributes = { ...localAttributes(1), asPath }
    const [only] = all(encodeAnnouncements(encodeAttributes(attributes), [prefix('10.0.0.0/8')]))
    expect((only as UpdateMessage).attributes).toEqual(attributes)
  })
})

it('ends the initial routes with an empty UPDATE', () => {
  expect(hex(encodeEndOfRib())).toBe(message('02', '00000000'))
  expect(isEndOfRib(update('0000 0000'))).toBe(true)
  expect(isEndOfRib(update('0001 00 0000'))).toBe(false)
})

describe('a stream of messages', () => {
  const whole = unhex(CASES.map(([, , encoded]) => encoded).join(''))

  it.each([1, 7, 19, 4096])('is cut into them, %d octets at a time', (step) => {
    const stream = new MessageStream()
    const kinds: string[] = []
    for (let i = 0; i < whole.length; i += step) {
      stream.push(whole.subarray(i, i + step))
      for (let next = stream.next(); next !== null; next = stream.next()) kinds.push(next.kind)
    }
    expect(kinds).toEqual(CASES.map(([, { kind }]) => kind))
  })

  it('reads an UPDATE once for all who get the same bytes, and others for themselves', () => {
    const read = (content: Uint8Array) => {
      const stream = new MessageStream()
      stream.push(content)
      return stream.next()
    }
    const update = (block: string) => unhex(message('02', `0000 0000 10 ${block}`))
    const sent = update('0a01')
    const first = read(sent)
    expect(first).toMatchObject({ announced: [{ base: 0x0a010000, length: 16 }] })
    expect(read(sent)).toBe(first)
    expect(read(sent.slice())).toEqual(first)
    expect(read(sent.slice())).not.toBe(first)
    expect(read(unhex(message('02', '0003 10 0a01 0000')))).toMatchObject({
      withdrawn: [{ base: 0x0a010000, length: 16 }],
    })
  })

  it.each([
    ['whose marker is wrong', `00${MARKER.slice(2)}001304`, 1],
    ['that is too short', `${MARKER}001204`, 2],
    ['that is too long', `${MARKER}100104`, 2],
  ])('ends at a header %s', (_, header, subcode) => {
    const stream = new MessageStream()
    stream.push(unhex(header))
    expect(stream.next()).toMatchObject({ kind: 'error', error: { code: 1, subcode } })
    expect(stream.next()).toBeNull()
  })
})
