// Writes test/golden/ from the captures that the kernel lab made: see test/golden/README.md.
//
//   node scripts/golden-from-pcap.mjs CAPTURES [TARGET]
//
// CAPTURES holds <scheme>-<probe>-<point>.pcap, <scheme>-<probe>.log and <scheme>-state.txt. Needs
// tshark: the dissection of the kernel's frames must not be ours.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SCHEMES = ['baseline', 'macvlan', 'flannel-vxlan', 'flannel-hostgw', 'docker-overlay']
/** In the order in which the lab ran them. */
const PROBES = ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx', 'isol', 'masq']
const POINTS = ['underlay', 'ctr', 'br', 'gwbr']

const TSHARK = 'tshark'
const OPTIONS = [
  ...['-n', '-T', 'pdml', '-d', 'udp.port==8472,vxlan', '-o', 'ip.defragment:FALSE'],
  ...['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'],
]
const CHECKSUM_STATES = ['bad', 'good', 'unverified', 'zero', 'unfinished']
const PROTOCOL_UDP = 17

/** What each protocol's line shows: name in the text, field of tshark, rendering. */
const LAYERS = {
  eth: [
    ['src', 'eth.src'],
    ['dst', 'eth.dst'],
    ['type', 'eth.type'],
  ],
  arp: [
    ['op', 'arp.opcode'],
    ['sha', 'arp.src.hw_mac'],
    ['spa', 'arp.src.proto_ipv4'],
    ['tha', 'arp.dst.hw_mac'],
    ['tpa', 'arp.dst.proto_ipv4'],
  ],
  ip: [
    ['src', 'ip.src'],
    ['dst', 'ip.dst'],
    ['ttl', 'ip.ttl'],
    ['tos', 'ip.dsfield'],
    ['id', 'ip.id'],
    ['df', 'ip.flags.df'],
    ['mf', 'ip.flags.mf'],
    // In bytes; what tshark shows is in units of eight in some versions, the raw value always.
    ['off', 'ip.frag_offset', (_show, value) => Number.parseInt(value, 16) * 8],
    ['proto', 'ip.proto'],
    ['len', 'ip.len'],
    ['csum', 'ip.checksum.status', checksumState],
  ],
  udp: [
    ['sport', 'udp.srcport'],
    ['dport', 'udp.dstport'],
    ['len', 'udp.length'],
    ['csum', 'udp.checksum.status', checksumState],
  ],
  vxlan: [
    // tshark joins the byte of flags and the reserved byte after it.
    ['flags', 'vxlan.flags', (show) => show.slice(0, 4)],
    ['vni', 'vxlan.vni'],
  ],
  icmp: [
    ['type', 'icmp.type'],
    ['code', 'icmp.code'],
    ['id', 'icmp.ident', hex16],
    ['seq', 'icmp.seq'],
    ['mtu', 'icmp.mtu'],
    ['csum', 'icmp.checksum.status', checksumState],
  ],
}

function checksumState(show) {
  return CHECKSUM_STATES[Number(show)]
}

function hex16(show) {
  return `0x${Number(show).toString(16).padStart(4, '0')}`
}

/** Frames of one capture as { epoch, length, layers }, a layer being a protocol and its fields. */
function framesOf(file) {
  const pdml = execFileSync(TSHARK, ['-r', file, ...OPTIONS], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return pdml
    .split('<packet>')
    .slice(1)
    .map((packet) => frameOf(packet))
}

function frameOf(packet) {
  const frame = { epoch: 0, length: 0, layers: [] }
  let layer
  for (const [, tag, attributes] of packet.matchAll(/<(proto|field) ([^>]*)>/g)) {
    const name = /\bname="([^"]*)"/.exec(attributes)?.[1] ?? ''
    const show = /\bshow="([^"]*)"/.exec(attributes)?.[1] ?? ''
    if (tag === 'proto') {
      layer = { protocol: name, fields: new Map() }
      frame.layers.push(layer)
    } else if (name === 'frame.time_epoch') frame.epoch = Math.round(Number(show) * 1e6)
    else if (name === 'frame.len') frame.length = Number(show)
    else if (layer && !layer.fields.has(name)) {
      layer.fields.set(name, { show, value: /\bvalue="([^"]*)"/.exec(attributes)?.[1] ?? '' })
    }
  }
  return frame
}

/** Multicast membership and IPv6: the noise of any Linux host, not caused by the probes. */
function isChatter({ layers }) {
  return layers.some(({ protocol }) => protocol === 'igmp' || protocol === 'ipv6')
}

/**
 * A checksum that the device below is to finish holds the sum of the pseudo-header only: that tshark
 * calls it bad says that the tap sat above the device, not that the packet was damaged.
 */
function isUnfinished(ip, udp) {
  const halves = ['ip.src', 'ip.dst'].flatMap((field) => {
    const [a, b, c, d] = ip.get(field).show.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
  const length = Number(udp.get('udp.length').show)
  const sum = [...halves, PROTOCOL_UDP, length].reduce((total, half) => total + half, 0)
  return (sum % 0xffff || 0xffff) === Number(udp.get('udp.checksum').show)
}

function markUnfinished(layers) {
  for (const [at, { protocol, fields }] of layers.entries()) {
    if (protocol !== 'udp' || fields.get('udp.checksum.status')?.show !== '0') continue
    const ip = layers.slice(0, at).findLast((layer) => layer.protocol === 'ip')
    if (isUnfinished(ip.fields, fields)) fields.set('udp.checksum.status', { show: '4' })
  }
}

function linesOf({ epoch, length, layers }, start) {
  markUnfinished(layers)
  const lines = [`frame t=${((epoch - start) / 1e6).toFixed(6)} len=${length}`]
  for (const { protocol, fields } of layers) {
    const shown = LAYERS[protocol]
    if (shown === undefined) continue
    const words = shown
      .filter(([, field]) => fields.has(field))
      .map(([name, field, render]) => {
        const { show, value } = fields.get(field)
        return `${name}=${render ? render(show, value) : show}`
      })
    lines.push(`  ${protocol} ${words.join(' ')}`)
  }
  return lines
}

/** Links, addresses, routes, neighbours and FDB rows, without multicast rows and loopback. */
function stateOf(text) {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !/^(01:00:5e|33:33):|^lo\s/.test(line))
    .join('\n')
}

/** What ping and the UDP receiver said, without what differs from run to run. */
function logOf(text) {
  return text
    .split('\n')
    .filter((line) =>
      /^\d+ bytes from|^From |error|unreachable|^# |transmitted|"packets"/.test(line),
    )
    .map((line) => line.replace(/,? time[= ].*$/, '').replace(/,"secs".*$/, '}'))
    .join('\n')
}

function convert(captures, target, scheme) {
  const folder = join(target, scheme)
  mkdirSync(folder, { recursive: true })
  let start
  for (const probe of PROBES) {
    const points = POINTS.map((point) => ({ point, name: `${scheme}-${probe}-${point}.pcap` }))
      .filter(({ name }) => existsSync(join(captures, name)))
      .map((each) => ({
        ...each,
        frames: framesOf(join(captures, each.name)).filter((frame) => !isChatter(frame)),
      }))
    if (points.length === 0) continue
    start ??= Math.min(...points.flatMap(({ frames }) => frames.map(({ epoch }) => epoch)))
    for (const { point, name, frames } of points) {
      const head = `# ${name}, Linux 6.18.44; time 0 is epoch ${(start / 1e6).toFixed(6)}`
      const blocks = frames.map((frame) => linesOf(frame, start).join('\n'))
      writeFileSync(join(folder, `${probe}-${point}.txt`), `${[head, ...blocks].join('\n\n')}\n`)
    }
  }
  const state = readFileSync(join(captures, `${scheme}-state.txt`), 'utf8')
  writeFileSync(join(folder, 'state.txt'), stateOf(state))
  const logs = PROBES.map((probe) => [probe, join(captures, `${scheme}-${probe}.log`)])
    .filter(([, file]) => existsSync(file))
    .map(([probe, file]) => `== ${probe}\n${logOf(readFileSync(file, 'utf8'))}\n`)
  writeFileSync(join(folder, 'log.txt'), logs.join(''))
}

const [captures, target = 'test/golden'] = process.argv.slice(2)
if (captures === undefined) {
  console.error('usage: golden-from-pcap.mjs CAPTURES [TARGET]')
  process.exit(2)
}
for (const scheme of SCHEMES) convert(captures, target, scheme)
