// Writes test/golden/ from the captures that the kernel lab made: see test/golden/README.md.
//
//   node scripts/golden-from-pcap.mjs CAPTURES [TARGET]
//
// CAPTURES holds <scheme>-<probe>-<point>.pcap, <scheme>-<probe>.log and <scheme>-state.txt. Needs
// tshark: the dissection of the kernel's frames must not be ours.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { flagsOf, reduceTransfer, TCP_ACK, TCP_SYN, tcpOf } from './golden-transfer.mjs'

/** The probe of which the text keeps what does not depend on timing: see `reduceTransfer`. */
const TRANSFER = 'tcp200k'
const SCHEMES = [
  ...['baseline', 'macvlan', 'flannel-vxlan', 'flannel-hostgw', 'docker-overlay', 'weave'],
  ...['realdocker', 'calico', 'calico-vxlan'],
]
/** In the order in which the lab ran them. */
const PROBES = ['ping', 'udp100', 'udp4000', 'df1472', TRANSFER, 'arpnx', 'isol', 'masq']
const POINTS = ['underlay', 'ctr', 'br', 'gwbr']

const TSHARK = 'tshark'
const OPTIONS = [
  ...['-n', '-T', 'pdml', '-d', 'udp.port==8472,vxlan', '-o', 'ip.defragment:FALSE'],
  ...['-d', 'udp.port==6784,vxlan'],
  ...['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'],
  ...['-o', 'tcp.check_checksum:TRUE', '-o', 'tcp.relative_sequence_numbers:TRUE'],
]
const CHECKSUM_STATES = ['bad', 'good', 'unverified', 'zero', 'unfinished']
const FLAG_LETTERS = [
  [0x01, 'F'],
  [TCP_SYN, 'S'],
  [0x04, 'R'],
  [TCP_ACK, '.'],
  [0x20, 'U'],
  [0x40, 'E'],
  [0x80, 'W'],
]
const OPTION_NAMES = { 0: 'eol', 1: 'nop', 2: 'mss', 3: 'wscale', 4: 'sackOK', 5: 'sack', 8: 'TS' }

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
  tcp: [
    ['sport', 'tcp.srcport'],
    ['dport', 'tcp.dstport'],
    // Relative to the SYN.
    ['seq', 'tcp.seq'],
    ['ack', 'tcp.ack'],
    ['flags', 'tcp.flags', flagLetters],
    ['win', 'tcp.window_size_value'],
    ['len', 'tcp.len'],
    ['options', 'tcp.option_kind', (show) => show.split(' ').map(optionName).join(',')],
    ['mss', 'tcp.options.mss_val'],
    ['wscale', 'tcp.options.wscale.shift'],
    ['tsval', 'tcp.options.timestamp.tsval'],
    ['tsecr', 'tcp.options.timestamp.tsecr'],
    ['csum', 'tcp.checksum.status', checksumState],
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

/** Without PSH, which follows from timing. */
function flagLetters(show) {
  return FLAG_LETTERS.map(([bit, letter]) => (Number(show) & bit ? letter : '')).join('')
}

function optionName(kind) {
  return OPTION_NAMES[kind] ?? `opt-${kind}`
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
    else if (name === 'tcp.option_kind' && layer.fields.has(name)) {
      layer.fields.get(name).show += ` ${show}`
    } else if (layer && !layer.fields.has(name)) {
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
function isUnfinished(ip, { protocol, fields }) {
  const halves = ['ip.src', 'ip.dst'].flatMap((field) => {
    const [a, b, c, d] = ip.get(field).show.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
  const length = Number(ip.get('ip.len').show) - Number(ip.get('ip.hdr_len').show)
  const number = Number(ip.get('ip.proto').show)
  const sum = [...halves, number, length].reduce((total, half) => total + half, 0)
  return (sum % 0xffff || 0xffff) === Number(fields.get(`${protocol}.checksum`).show)
}

function markUnfinished(layers) {
  for (const [at, layer] of layers.entries()) {
    const { protocol, fields } = layer
    const status = `${protocol}.checksum.status`
    if (!['udp', 'tcp'].includes(protocol) || fields.get(status)?.show !== '0') continue
    const ip = layers.slice(0, at).findLast((each) => each.protocol === 'ip')
    if (isUnfinished(ip.fields, layer)) fields.set(status, { show: '4' })
  }
}

/** A frame's words for the text: the head's, and each layer's with the protocol in front. */
function wordsOf({ epoch, length, layers }, start) {
  markUnfinished(layers)
  const head = [`t=${((epoch - start) / 1e6).toFixed(6)}`, `len=${length}`]
  const rows = layers
    .filter(({ protocol }) => LAYERS[protocol] !== undefined)
    .map(({ protocol, fields }) => {
      const shown = LAYERS[protocol].filter(([, field]) => fields.has(field))
      const words = shown.map(([name, field, render]) => {
        const { show, value } = fields.get(field)
        return `${name}=${render ? render(show, value) : show}`
      })
      return [protocol, ...words]
    })
  return { head, rows }
}

/** The blocks of a file: a frame each, or what differs from the last whole one for data that follows data. */
function textOf(frames, start) {
  const blocks = []
  let whole
  for (const frame of frames) {
    const words = wordsOf(frame, start)
    const isData = frame.isTransfer && Number(tcpOf(frame)?.get('tcp.len').show ?? 0) > 0
    if (isData && whole?.isData && flagsOf(tcpOf(frame)) === TCP_ACK) {
      blocks[blocks.length - 1] += `\n${differenceOf(words, whole)}`
      continue
    }
    whole = { ...words, isData }
    const lines = words.rows.map((row) => `  ${row.join(' ')}`)
    blocks.push([`frame ${words.head.join(' ')}`, ...lines].join('\n'))
  }
  return blocks.join('\n\n')
}

/** `more t=... 3.seq=...`: the fields that differ, with the number of their layer. */
function differenceOf({ head, rows }, whole) {
  const words = rows.flatMap((row, at) =>
    row.filter((word) => !whole.rows[at].includes(word)).map((word) => `${at + 1}.${word}`),
  )
  return ['more', ...head.filter((word) => !whole.head.includes(word)), ...words].join(' ')
}

/** Links, addresses, routes, neighbours and FDB rows, without multicast rows and loopback. */
function stateOf(text) {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !/^(01:00:5e|33:33):|^lo\s/.test(line))
    .join('\n')
}

/** What ping and the receivers said, without what differs from run to run. */
function logOf(text) {
  return text
    .split('\n')
    .filter((line) =>
      /^\d+ bytes from|^From |error|unreachable|^# |transmitted|"packets"|"bytes"/.test(line),
    )
    .map((line) => line.replace(/,? time[= ].*$/, ''))
    .map((line) => line.replace(/,"(secs|mbps|pps|utime|stime)":[\d.]+/g, ''))
    .join('\n')
}

function framesOfProbe(file, probe) {
  const frames = framesOf(file).filter((frame) => !isChatter(frame))
  if (probe !== TRANSFER) return frames
  return reduceTransfer(frames).map((frame) => ({ ...frame, isTransfer: true }))
}

function convert(captures, target, scheme) {
  const folder = join(target, scheme)
  mkdirSync(folder, { recursive: true })
  let start
  for (const probe of PROBES) {
    const points = POINTS.map((point) => ({ point, name: `${scheme}-${probe}-${point}.pcap` }))
      .filter(({ name }) => existsSync(join(captures, name)))
      .map((each) => ({ ...each, frames: framesOfProbe(join(captures, each.name), probe) }))
    if (points.length === 0) continue
    start ??= Math.min(...points.flatMap(({ frames }) => frames.map(({ epoch }) => epoch)))
    for (const { point, name, frames } of points) {
      const head = `# ${name}, Linux 6.18.44; time 0 is epoch ${(start / 1e6).toFixed(6)}`
      const blocks = [head, ...(frames.length > 0 ? [textOf(frames, start)] : [])]
      writeFileSync(join(folder, `${probe}-${point}.txt`), `${blocks.join('\n\n')}\n`)
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
