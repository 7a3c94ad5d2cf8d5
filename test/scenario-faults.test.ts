/** Wrong scenario files: each fault is found at its line, with a remedy, together with all others. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIssues, type Issue } from '../src/scenario/issues.ts'
import { loadScenario, loadScenarioFile } from '../src/scenario/load.ts'
import { RandomStreams } from '../src/sim/random.ts'
import { FAKE_SCHEMES } from './fake-schemes.ts'

const VALID = `name: valid
why: All sections, nothing wrong.
seed: 7
duration: 10s
fabric:
  racks: 2
  hostsPerRack: 2
  links: { rate: 25Gbps, delay: 500ns }
  switch: trident3
  subnet: 192.168.0.0/16
hosts:
  cpus: 4
  nic: { mtu: 1500 }
  kernel: 6.18
  override:
    h2: { cpus: 2 }
networks:
  app: { scheme: tunnel, subnet: 10.1.0.0/16, backend: vxlan }
containers:
  - { name: c1, host: h1, address: 10.1.1.2 }
  - { name: c2, host: h1 }
  - { name: c3, host: h3, mac: '02:42:0a:00:01:05' }
workload:
  - { kind: ping, from: c1, to: c3, count: 3, interval: 1s }
  - { kind: udp, from: [c1, c2], to: c3, rate: 1Gbps, for: 2s, at: 2s }
  - { kind: udp-rr, pairs: ring, size: 100B }
  - { kind: macof, from: h1, rate: 5kpps }
faults:
  - { at: 3s, until: 4s, link: h1-leaf1, loss: 1% }
  - { at: 5s, node: spine1, cut: true }
captures: [h1/eth0, c1]
expect:
  - { goodput: { of: udp-1, atLeast: 800Mbps } }
  - { drops: { reason: no_route, equals: 0 } }
  - { reachable: { from: c1, to: h3 } }
`

/** Issues of the valid file with one line replaced, and the number of that line. */
function withLine(
  original: string,
  replacement: string,
): { issues: readonly Issue[]; line: number } {
  const lines = VALID.split('\n')
  const index = lines.findIndex((line) => line.includes(original))
  expect(index, `no line has ${original}`).toBeGreaterThanOrEqual(0)
  lines[index] = lines[index]!.replace(original, replacement)
  return { issues: issuesOf(lines.join('\n')), line: index + 1 }
}

function issuesOf(text: string, settings: string[] = []): readonly Issue[] {
  const result = loadScenario(text, 'x.yaml', FAKE_SCHEMES, { settings })
  return result.ok ? [] : result.issues
}

function expectSound(issues: readonly Issue[]): void {
  const text = formatIssues(issues)
  expect(text).not.toMatch(/^\s+at .*[:(]\d+:\d+|Error:|undefined|\[object/m)
  for (const issue of issues) {
    expect(issue.message, text).not.toBe('')
    expect(issue.remedy, text).not.toBe('')
    expect(issue.line).toBeGreaterThanOrEqual(1)
    expect(issue.column).toBeGreaterThanOrEqual(1)
  }
}

/** What is replaced, by what, what the message must say, what the remedy must say. */
const PLANTED: readonly [string, string, RegExp, RegExp][] = [
  // Shape
  ['seed: 7', 'sede: 7', /unknown key "sede"/, /did you mean "seed"/],
  ['cpus: 4', 'cpu: 4', /unknown key "cpu"/, /did you mean "cpus"/],
  ['racks: 2', 'racks: two', /"two" is not a number/, /whole number from 1/],
  ['racks: 2', 'racks: 0', /0 is less than 1/, /from 1 to 4096/],
  ['racks: 2', 'racks: 1.5', /1.5 is not a whole number/, /whole number/],
  ['rate: 25Gbps', 'rate: 25', /25 has no unit/, /25Mbps or 25Gbps/],
  ['rate: 25Gbps', 'rate: 25Gbs', /unit "Gbs"/, /did you mean 25Gbps/],
  ['delay: 500ns', 'delay: 500', /500 has no unit/, /500us/],
  ['switch: trident3', 'switch: tridnet3', /"tridnet3" is not one of/, /"trident3"/],
  ['192.168.0.0/16', '192.168.1.0/16', /bits beyond its prefix/, /192\.168\.0\.0\/16/],
  ['192.168.0.0/16', '192.168.0.0', /not an address block/, /10\.244\.0\.0\/16/],
  ['kernel: 6.18', 'kernel: 5.10', /"?5\.1"? is not one of/, /5\.15/],
  ['scheme: tunnel', 'scheme: tunel', /"tunel" is not one of/, /"tunnel"/],
  ['scheme: tunnel, ', '', /"scheme" is missing/, /tunnel, flat/],
  ['backend: vxlan', 'backnd: vxlan', /unknown key "backnd"/, /"backend"/],
  ['backend: vxlan', 'backend: vxlna', /"vxlna" is not one of/, /"vxlan"/],
  ['10.1.1.2', '10.1.01.2', /not an IPv4 address/, /leading zeros/],
  ['02:42:0a:00:01:05', '03:42:0a:00:01:05', /group address/, /02:42/],
  ['kind: ping', 'kind: pnig', /"pnig" is not one of the values of kind/, /"ping"/],
  ['kind: ping, ', '', /"kind" is missing/, /ping, udp/],
  ['count: 3', 'count: many', /"many" is not a number/, /whole number/],
  ['interval: 1s', 'interval: soon', /"soon" is not a duration/, /5us or 300s/],
  ['loss: 1%', 'loss: 0.01', /has no unit/, /0\.01%/],
  ['loss: 1%', 'loss: 101%', /more than the model takes/, /100%/],
  ['cut: true', 'cut: yes', /"yes" is not true or false/, /true or false/],
  ['reason: no_route', 'reason: no_ruote', /"no_ruote" is not one of/, /"no_route"/],
  ['captures: [h1/eth0, c1]', 'captures: h1/eth0', /"h1\/eth0" is not a list/, /a list/],
  ['hosts:', 'hosts: 5\nhosts2:', /5 is not a mapping/, /a mapping with cpus/],
  ['why: All', 'why: [a]\n#', /a list is not text/, /text/],
  // Meaning
  ['nic: { mtu: 1500 }', 'nic: { mtu: 67 }', /67 bytes is below 68/, /1500/],
  ['h2: { cpus: 2 }', 'h22: { cpus: 2 }', /no host "h22"/, /"h2"/],
  ['10.1.0.0/16', '192.168.4.0/24', /overlaps 192\.168\.0\.0\/16/, /of its own/],
  ['10.1.1.2', '10.2.1.2', /not in 10\.1\.0\.0\/16/, /from 10\.1\.0\.0/],
  ['10.1.1.2', '10.1.0.0', /network or broadcast/, /between/],
  [
    'c2, host: h1',
    'c2, host: h1, address: 10.1.1.2',
    /c2 and c1 have the same address/,
    /duplicate/,
  ],
  ['c2, host: h1', 'c1, host: h1', /two containers c1/, /otherwise/],
  ['c2, host: h1', 'h1, host: h1', /name of a host too/, /otherwise/],
  ['c2, host: h1', 'c2, host: h10', /no host "h10"/, /"h1"/],
  ['c2, host: h1', 'c2, host: h1, networks: [ap]', /no network "ap"/, /"app"/],
  [
    'from: c1, to: c3, count',
    'from: c9, to: c3, count',
    /no container or host "c9"/,
    /did you mean/,
  ],
  ['from: c1, to: c3, count', 'from: c1, to: c1, count', /are the same/, /another/],
  ['to: c3, count', 'count', /"to" is missing/, /pairs: ring/],
  ['from: c1, to: c3, count', 'from: 10.1.1.2, to: c3, count', /is an address/, /name a container/],
  [
    'rate: 1Gbps',
    'rate: 1Gbps, packetRate: 1kpps',
    /both "rate" and "packetRate"/,
    /one of the two/,
  ],
  ['pairs: ring', 'pairs: ring, to: c1', /so does "to"/, /one of the two/],
  ['size: 100B', 'size: 70kB', /fits no packet/, /65507/],
  ['at: 2s', 'at: 20s', /after the run has ended/, /duration/],
  ['until: 4s', 'until: 2s', /ends before it begins/, /after "at"/],
  ['link: h1-leaf1', 'link: h1-leaf2', /no link "h1-leaf2"/, /"h1-leaf1"/],
  ['link: h1-leaf1', 'link: { from: h1, to: h2 }', /no link joins h1 and h2/, /h1-leaf1/],
  ['link: h1-leaf1, ', '', /where it happens is not said/, /link: h1-leaf1/],
  [', loss: 1%', '', /nothing happens/, /loss/],
  ['node: spine1', 'node: spine7', /no node "spine7"/, /"spine/],
  ['captures: [h1/eth0, c1]', 'captures: [h7/eth0]', /"h7"/, /did you mean/],
  ['of: udp-1', 'of: udp-2', /no workload "udp-2"/, /"udp-1"/],
  ['of: udp-1, ', '', /which workload is not said/, /ping-1/],
  ['goodput: { of: udp-1', 'rtt: { of: udp-1', /800Mbps/, /.+/],
  ['atLeast: 800Mbps', 'atLeast: 1Gbps, atMost: 2Gbps', /at once/, /between/],
  [', equals: 0', '', /which value is right is not said/, /equals, atLeast/],
  ['- { drops', '- { loss: { of: udp-1, atMost: 1% }, drops', /two expectations/, /an item/],
  ['reachable: { from: c1', 'variant: a, reachable: { from: c1', /no variant a/, /no variants/],
]

describe('a fault in a scenario file', () => {
  it('is not in the valid file', () => {
    expect(formatIssues(issuesOf(VALID))).toBe('')
  })

  it.each(PLANTED)('%s -> %s', (original, replacement, message, remedy) => {
    const { issues, line } = withLine(original, replacement)
    expectSound(issues)
    const text = formatIssues(issues)
    const match = issues.find((issue) => message.test(issue.message))
    expect(match?.message, text).toBeDefined()
    expect(match!.line, text).toBe(line)
    expect(match!.remedy, text).toMatch(remedy)
  })

  it('has the column and the length of what is wrong', () => {
    const [issue, ...others] = withLine('rate: 25Gbps', 'rate: 25Gbs').issues
    expect(others).toEqual([])
    expect(issue).toMatchObject({ path: 'fabric.links.rate', line: 8, column: 18, length: 5 })
  })

  it('is an address or MAC that is there twice, unless that is meant', () => {
    const file = (more: string) => `networks: { app: { scheme: tunnel } }
containers:
  - { name: c1, host: h1, address: 10.1.0.9, mac: '02:42:0a:00:01:05' }
  - { name: c2, host: h2, address: 10.1.0.9, mac: '02:42:0a:00:01:05'${more} }
`
    expect(issuesOf(file('')).map((issue) => [issue.line, issue.message])).toEqual([
      [4, 'c2 and c1 have the same address'],
      [4, 'c2 and c1 have the same MAC address'],
    ])
    expect(formatIssues(issuesOf(file(', duplicate: true')))).toBe('')
  })

  it('does not hide others, of shape or of meaning, before or behind it', () => {
    const kinds = PLANTED.filter(
      ([original], i) => PLANTED.findIndex(([other]) => other === original) === i,
    )
    const lines = VALID.split('\n')
    const expected = new Map<number, RegExp>()
    for (const [original, replacement, message] of kinds) {
      const index = lines.findIndex((line) => line.includes(original))
      // One fault a line; what spans lines or takes names away would explain other faults.
      if (index < 0 || expected.has(index + 1) || replacement.includes('\n')) continue
      if (/^(racks|c2|scheme|hosts|kind)/.test(original)) continue
      lines[index] = lines[index]!.replace(original, replacement)
      expected.set(index + 1, message)
    }
    const issues = issuesOf(lines.join('\n'))
    expectSound(issues)
    expect(expected.size).toBeGreaterThanOrEqual(15)
    for (const [line, message] of expected) {
      const here = issues.filter((issue) => issue.line === line).map((issue) => issue.message)
      expect(here.join('\n'), `line ${line}\n${formatIssues(issues)}`).toMatch(message)
    }
  })
})

describe('a drawn fabric', () => {
  const drawing = (links: string, more = '') =>
    `fabric:
  ${more}
  draw:
    nodes:
      - { name: a, kind: host }
      - { name: b, kind: host }
      - { name: s1, kind: switch }
      - { name: s2, kind: switch }
      - { name: s3, kind: switch }
    links:
${links
  .split(', ')
  .map((link) => `      - { from: ${link.split('-')[0]}, to: ${link.split('-')[1]} }`)
  .join('\n')}
`
  const TREE = 'a-s1, b-s3, s1-s2, s2-s3'

  it('is sound as a tree', () => {
    expect(formatIssues(issuesOf(drawing(TREE)))).toBe('')
  })

  it.each([
    [`${TREE}, s3-s1`, 15, /closes a loop: .*s1.* - s2/],
    [`${TREE}, s2-s3`, 15, /closes a loop: s2 - s3 - s2/],
    [`${TREE}, s2-s2`, 15, /to itself/],
    [`${TREE}, s2-s9`, 15, /no node "s9"/],
    ['a-s1, b-s2, s1-s2', 9, /s3 has no link/],
    ['a-s1, s1-s2, b-s3', 6, /no way leads from a to b/],
    [`${TREE}, a-s2`, 5, /2 links, and a host has one NIC/],
  ])('%s', (links, line, message) => {
    const issues = issuesOf(drawing(links))
    expectSound(issues)
    const match = issues.find((issue) => message.test(issue.message))
    expect(match?.line, formatIssues(issues)).toBe(line)
  })

  it('may have loops where the file allows them', () => {
    expect(formatIssues(issuesOf(drawing(`${TREE}, s3-s1`, 'allowLoops: true')))).toBe('')
  })

  it('does not go with racks', () => {
    const issues = issuesOf(drawing(TREE, 'racks: 2'))
    expect(issues.map((issue) => [issue.line, issue.message])).toEqual([
      [2, '"racks" makes a fabric, and "draw" draws one'],
    ])
  })
})

describe('YAML that is wrong', () => {
  it.each([
    ['name: a\nname: b\n', 2, /unique/],
    ['name: a\nfabric: { racks: 2\nwhy: b\n', 2, /flow map/i],
    ['name: "a\nwhy: b\n', 1, /quote/i],
    ['fabric:\n\tracks: 2\n', 2, /tab/i],
    ['fabric:\n  racks: 2\n hosts: 3\n', 3, /.+/],
    ['name: a\n---\nname: b\n', 2, /document/i],
    ['name: *x\n', 1, /no anchor &x/],
    ['name: !secret a\n', 1, /tag/i],
    ['? [a, b]\n: c\n', 1, /key is a mapping/],
    ['name: a\n<<: 5\n', 2, /merges mappings/],
    ['- a\n- b\n', 1, /no mapping/],
    ['', 1, /says nothing/],
    ['# only words\n', 1, /says nothing/],
    ['just words\n', 1, /no mapping/],
  ])('%j', (text, line, message) => {
    const issues = issuesOf(text)
    expectSound(issues)
    const match = issues.find((issue) => message.test(issue.message))
    expect(match?.line, formatIssues(issues)).toBe(line)
  })

  it('may merge and repeat with anchors, and is then reported at the anchor', () => {
    const text = `x: &x { kind: ping, from: h1, to: h2 }
workload:
  - { <<: *x, count: 2 }
  - { <<: *x, cuont: 2 }
  - *x
`
    const issues = issuesOf(text)
    expect(issues.map((issue) => [issue.line, issue.message])).toEqual([
      [1, 'unknown key "x"'],
      [4, 'unknown key "cuont"'],
    ])
    const wrong = text.replace('to: h2', 'to: h5').replace('cuont', 'count')
    expect(issuesOf(wrong).filter((issue) => issue.path.endsWith('.to'))).toEqual(
      [0, 1, 2].map((i) => expect.objectContaining({ line: 1, path: `workload[${i}].to` })),
    )
  })
})

describe('a variant', () => {
  const file = (variants: string) => `networks: { app: { scheme: tunnel, hostPrefix: 25 } }
containers: { perHost: 2 }
workload: [{ kind: ping, from: c1, to: c3 }]
variants:
${variants}`

  it('is reported at its own lines, and what it shares once', () => {
    const issues = issuesOf(
      file('  a: { fabric: { rakcs: 2 } }\n  b: { hosts: { cpus: none } }\n').replace('c3', 'c7'),
    )
    expectSound(issues)
    expect(issues.map((issue) => [issue.line, issue.message, issue.variants])).toEqual([
      [3, 'there is no container or host "c7"', []],
      [5, 'unknown key "rakcs"', ['a']],
      [6, '"none" is not a number', ['b']],
    ])
  })

  it('that changes the scheme loses the options of the old one only', () => {
    expect(issuesOf(file('  a: { networks: { app: { scheme: flat } } }\n'))).toEqual([])
    const issues = issuesOf(
      file('  a: { networks: { app: { scheme: flat } } }\n').replace('hostPrefix', 'hostPerfix'),
    )
    expect(issues.map((issue) => [issue.line, issue.message])).toEqual([
      [1, 'unknown key "hostPerfix"'],
    ])
  })

  it.each([
    ['  a: 5\n', 5, /the variant a is no mapping/],
    ['  a: { workload: [{ kind: ping, from: c1 }] }\n', 5, /"to" is missing/],
    ['  a: { containers: { perHost: 300 } }\n', 1, /300 containers/],
  ])('%j', (variants, line, message) => {
    const issues = issuesOf(file(variants))
    expectSound(issues)
    const match = issues.find((issue) => message.test(issue.message))
    expect(match?.line, formatIssues(issues)).toBe(line)
  })
})

describe('--set', () => {
  it.each([
    ['fabric.racks', /not path=value/, 1],
    ['=5', /not path=value/, 1],
    ['fabric..racks=5', /not path=value/, 1],
    ['fabric.racks=none', /"none" is not a number/, 14],
    ['fabrik.racks=2', /unknown key "fabrik"/, 1],
    ['fabric.rakcs=2', /unknown key "rakcs"/, 8],
    ['workload[9].count=2', /the list has 4 items/, 1],
    ['workload[0].to=c77', /"c77"/, 16],
    ['name.first=a', /has no part "first"/, 1],
    ['hosts={ cpus: [', /flow/i, 7],
  ])('%s is reported in the argument', (setting, message, column) => {
    const issues = issuesOf(VALID, ['seed=3', setting])
    expectSound(issues)
    const match = issues.find((issue) => message.test(issue.message))
    expect(match, formatIssues(issues)).toMatchObject({ file: '--set #2', line: 1, column })
  })
})

describe('a file that is too much', () => {
  it('of aliases of aliases is refused at once', () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const items = Array.from({ length: 9 }, () => (i === 0 ? 'x' : `*a${i - 1}`)).join(', ')
      return `a${i}: &a${i} [${items}]`
    })
    const started = process.hrtime.bigint()
    const issues = issuesOf(levels.join('\n'))
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(1000)
    expectSound(issues)
    expect(issues.map((issue) => issue.code)).toEqual(['too_large'])
  })

  it('of 50 MB is refused before it is read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'encap-'))
    try {
      const path = join(folder, 'large.yaml')
      writeFileSync(path, Buffer.alloc(50_000_000, 'name: a\n'))
      const started = process.hrtime.bigint()
      const result = loadScenarioFile(path, FAKE_SCHEMES)
      expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(1000)
      expect(result).toMatchObject({ ok: false, issues: [{ code: 'too_large', line: 1 }] })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each([
    ['nested brackets', `name: ${'['.repeat(100_000)}`],
    ['closed nested brackets', `name: ${'['.repeat(50)}${']'.repeat(50)}`],
    ['an alias that contains itself', 'name: &a [*a]'],
    ['nested mappings', Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ])('of %s is refused', (_what, text) => {
    const issues = issuesOf(text)
    expectSound(issues)
    expect(issues.length).toBeGreaterThan(0)
    expect(['too_deep', 'syntax']).toContain(issues[0]!.code)
  })

  it('of hosts, containers or pairs is refused without making them', () => {
    const many = (text: string) => issuesOf(text).map((issue) => issue.message)
    expect(many('fabric: { racks: 4096, hostsPerRack: 4096 }')).toEqual(
      expect.arrayContaining([expect.stringContaining('16777216 hosts')]),
    )
    expect(
      many('fabric: { racks: 200, hostsPerRack: 20 }\nworkload: [{ kind: ping, pairs: mesh }]'),
    ).toEqual([expect.stringContaining('pairs of sender and receiver')])
  })
})

describe('any file', () => {
  const DEEP = process.env['ENCAP_DEEP'] === '1'
  const BATCHES = DEEP ? 200 : 10
  const PIECES = [
    ': ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '<<: ',
    '"',
    "'",
    '#',
    '|',
    '\t',
    '%',
  ]
  const VALUES = [
    'null',
    '~',
    '-1',
    '1e999',
    '.nan',
    '[]',
    '{}',
    '__proto__',
    'constructor',
    '0x1f',
  ]

  /** Deletes, doubles, swaps or overwrites lines and characters. */
  function mutated(text: string, next: (most: number) => number): string {
    const lines = text.split('\n')
    const at = next(lines.length - 1)
    const line = lines[at]!
    const column = next(line.length)
    switch (next(6)) {
      case 0:
        lines.splice(at, 1)
        break
      case 1:
        lines.splice(at, 0, lines[next(lines.length - 1)]!)
        break
      case 2:
        lines[at] = line.slice(0, column) + line.slice(column + 1 + next(4))
        break
      case 3:
        lines[at] = line.slice(0, column) + PIECES[next(PIECES.length - 1)]! + line.slice(column)
        break
      case 4:
        lines[at] = line.replace(/: [^{[].*?(?=[,}]|$)/, `: ${VALUES[next(VALUES.length - 1)]!}`)
        break
      case 5:
        lines[at] = line.replace(/\w+(?=:)/, VALUES[next(VALUES.length - 1)]!)
        break
      default:
        lines[at] = `${' '.repeat(next(3))}${line}`
    }
    return lines.join('\n')
  }

  it.each(Array.from({ length: BATCHES }, (_, i) => i))('never throws (seed %i)', (seed) => {
    const random = new RandomStreams(`mutations-${seed}`).stream('file')
    const variants = `${VALID}variants: { a: {}, b: { fabric: { racks: 3 } } }\n`
    for (let i = 0; i < 40; i++) {
      let text = i % 2 === 0 ? VALID : variants
      const changes = random.integer(1, 4)
      for (let k = 0; k < changes; k++) text = mutated(text, (most) => random.integer(0, most))
      let issues: readonly Issue[] = []
      expect(() => {
        issues = issuesOf(text)
      }, text).not.toThrow()
      expectSound(issues)
    }
  })
})
