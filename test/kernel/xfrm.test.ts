/** IPsec around VXLAN between two hosts, set up by hand as overlay drivers do it. */
import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { STAGE_ESP_INPUT, STAGE_ESP_OUTPUT } from '../../src/cpu/stage.ts'
import { showXfrmPolicies, showXfrmStates } from '../../src/host/show-xfrm.ts'
import { Capture } from '../../src/measure/capture.ts'
import { LayerCounter } from '../../src/measure/layers.ts'
import type { XfrmStateSpec } from '../../src/stack/xfrm/state.ts'
import { describe as describeFrame } from '../../src/wire/describe.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { hostAddress, Lab, type LabOptions } from '../lab/lab.ts'
import { canPing } from '../lab/probes.ts'
import { flannelVxlan } from '../lab/schemes.ts'
import { TcpClient, TcpServer } from '../lab/tcp-programs.ts'
import { expectCleanCapture, peerAvailable } from '../peers/tshark.ts'

const SECOND = 1e12
const MARK = 0xd0c4e3
const KEY = '0123456789abcdef0123456789abcdef01020304'
const VNI_1 = '-p udp --dport 8472 -m u32 --u32 "0>>22&0x3C@12&0xFFFFFF00=256"'

const spiOf = (from: number, to: number) => from * 256 + to

function stateSpec(from: number, to: number, more: Partial<XfrmStateSpec> = {}): XfrmStateSpec {
  return {
    src: ipv4(hostAddress(from)),
    dst: ipv4(hostAddress(to)),
    spi: spiOf(from, to),
    reqid: MARK,
    aead: { name: 'rfc4106(gcm(aes))', key: KEY, icvBits: 64 },
    ...more,
  }
}

function policySpec(from: number, to: number) {
  return {
    selector: {
      src: prefix(`${hostAddress(from)}/32`),
      dst: prefix(`${hostAddress(to)}/32`),
      proto: 17,
      dport: 8472,
    },
    mark: { value: MARK, mask: -1 },
    template: {
      src: ipv4(hostAddress(from)),
      dst: ipv4(hostAddress(to)),
      spi: spiOf(from, to),
      reqid: MARK,
    },
  }
}

/** @param containerMtu 1424 is what leaves no fragments. */
function secured(containerMtu = 1424, options: LabOptions = {}): Lab {
  const lab = new Lab(options)
  flannelVxlan(lab, containerMtu)
  for (const [from, to] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const { xfrm, iptables } = lab.on(`h${from}`)
    for (const spec of [stateSpec(1, 2), stateSpec(2, 1)]) {
      expect(xfrm.state.add(spec)).toBeNull()
    }
    expect(xfrm.policy.add(policySpec(from, to))).toBeNull()
    iptables.run(`-t mangle -A OUTPUT ${VNI_1} -j MARK --set-mark ${MARK}`)
    iptables.run(`-A INPUT ${VNI_1} -m policy --dir in --pol none -j DROP`)
  }
  return lab
}

function watch(lab: Lab): Frame[] {
  const seen: Frame[] = []
  lab.tap('h1', 'eth0', { frame: (_, frame) => seen.push(frame) })
  return seen
}

const drops = (lab: Lab) => Object.fromEntries(lab.ledger.dropsByReason('loss'))
const others = (frames: readonly Frame[]) => frames.map(describeFrame).filter((t) => !/ARP/.test(t))

describe('VXLAN in ESP', () => {
  it('shows nothing of its content on the wire, and of its ports', () => {
    const lab = secured()
    const seen = watch(lab)
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(true)
    const texts = others(seen)
    expect(texts).toHaveLength(2)
    expect(texts[0]).toMatch(
      /IP 192\.168\.50\.11 > 192\.168\.50\.12: ESP\(spi=0x00000102,seq=0x1\), length 140/,
    )
    expect(texts[1]).toMatch(/ESP\(spi=0x00000201,seq=0x1\)/)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('fills 1500 bytes with a packet of 1424, and cuts itself in two for one of 1425', () => {
    for (const [size, lengths] of [
      [1424, [1500]],
      [1425, [1500, 24]],
    ] as const) {
      const lab = secured(1450)
      expect(canPing(lab, 'c1', '10.244.1.2')).toBe(true)
      const seen = watch(lab)
      const socket = lab.namespace('c1').sockets.openUdp()!
      lab.namespace('c2').sockets.openUdp(9)
      socket.sendTo(ipv4('10.244.1.2'), 9, size - 28)
      lab.run(SECOND)
      expect(seen.map(({ l3Length }) => l3Length)).toEqual(lengths)
      expect(drops(lab)).toEqual({})
    }
  })

  it('counts what it adds as encapsulation: 76 bytes at the most that fits', () => {
    const lab = secured()
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(true)
    const counter = new LayerCounter('out', 0, Infinity)
    lab.tap('h1', 'eth0', counter)
    lab.namespace('c2').sockets.openUdp(9)
    lab
      .namespace('c1')
      .sockets.openUdp()!
      .sendTo(ipv4('10.244.1.2'), 9, 1424 - 28)
    lab.run(SECOND)
    expect(counter.bytes).toMatchObject({ encapsulation: 76, headers: 28, payload: 1396 })
  })

  it.each([
    ['', {}],
    [', where work takes time', { costs: COST_PROFILES['server-2020s']! }],
  ])('carries TCP, whose units it cuts before it seals them%s', (_, options) => {
    const lab = secured(1424, options)
    const seen = watch(lab)
    const server = new TcpServer(lab, 'c2', 80)
    new TcpClient(lab, 'c1', '10.244.1.2', 80, 100_000)
    lab.run(2 * SECOND)
    expect(server.bytes).toBe(100_000)
    const texts = others(seen)
    expect(texts.every((text) => text.includes('ESP'))).toBe(true)
    // Writes of 16384 bytes: eleven segments of 1372 each and a shorter one, six times and a bit.
    const full = seen.filter(({ l3Length }) => l3Length === 1500)
    expect(full.length).toBe(67)
    expect(Math.max(...seen.map(({ l3Length }) => l3Length))).toBe(1500)
    expect(lab.ledger.imbalance()).toBe(0)
    expect(drops(lab)).toEqual({})
  })
})

describe('who may come in', () => {
  it('plain packets of the VNI are dropped, sealed ones are not', () => {
    const lab = secured()
    lab.on('h1').iptables.run('-t mangle -F')
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(false)
    expect(drops(lab)).toEqual({ netfilter: 1 })
  })

  it('a packet without a state is lost at the receiver, without a word', () => {
    const lab = secured()
    lab.on('h2').xfrm.state.delete(stateSpec(1, 2))
    const seen = watch(lab)
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(false)
    expect(drops(lab)).toEqual({ xfrm_no_state: 1 })
    expect(others(seen)).toHaveLength(1)
  })

  it('one without a state at the sender never leaves', () => {
    const lab = secured()
    lab.on('h1').xfrm.state.delete(stateSpec(1, 2))
    const seen = watch(lab)
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(false)
    expect(drops(lab)).toEqual({ xfrm_no_state: 1 })
    expect(others(seen)).toHaveLength(0)
  })

  it.each([
    ['another key', { aead: { name: 'rfc4106(gcm(aes))', key: `ff${KEY.slice(2)}`, icvBits: 64 } }],
    [
      'another length of the check value',
      { aead: { name: 'rfc4106(gcm(aes))', key: KEY, icvBits: 128 } },
    ],
  ])('%s opens nothing', (_, more) => {
    const lab = secured()
    const { state } = lab.on('h2').xfrm
    state.delete(stateSpec(1, 2))
    state.add(stateSpec(1, 2, more))
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(false)
    expect(drops(lab)).toEqual({ xfrm_integrity: 1 })
  })

  it('a packet that is sent again is dropped where there is a window', () => {
    const lab = secured()
    const { state } = lab.on('h2').xfrm
    state.delete(stateSpec(1, 2))
    state.add(stateSpec(1, 2, { replayWindow: 32 }))
    const seen = watch(lab)
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(true)
    const esp = seen.find(({ protocol }) => protocol === 50)!
    const again = esp.clone()
    lab.ledger.originated++
    lab.device('h2', 'eth0').receive(again)
    lab.run(SECOND)
    expect(drops(lab)).toEqual({ xfrm_replay: 1 })
  })

  it('a policy may block', () => {
    const lab = secured()
    const { policy } = lab.on('h1').xfrm
    const spec = policySpec(1, 2)
    expect(policy.add(spec)).toMatchObject({ errno: 'EEXIST' })
    expect(policy.delete(spec)).toBeNull()
    expect(policy.delete(spec)).toMatchObject({ errno: 'ENOENT' })
    policy.add({ selector: spec.selector, mark: spec.mark, action: 'block' })
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(false)
    expect(drops(lab)).toEqual({ xfrm_policy_block: 1 })
  })
})

describe('a policy for all between two hosts', () => {
  function hosts(): Lab {
    const lab = new Lab()
    lab.underlay(2)
    for (const [from, to] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const { xfrm } = lab.on(`h${from}`)
      for (const spec of [stateSpec(1, 2), stateSpec(2, 1)]) xfrm.state.add(spec)
      const { src, dst } = policySpec(from, to).selector
      xfrm.policy.add({ selector: { src, dst }, template: policySpec(from, to).template })
    }
    return lab
  }

  it('makes the path narrower: what may not be cut is refused by what sealing adds', () => {
    const lab = hosts()
    const socket = lab.namespace('h1').sockets.openUdp()!
    socket.pmtuDiscovery = 'do'
    const destination = ipv4(hostAddress(2))
    expect(socket.sendTo(destination, 9, 1472)).toBeNull()
    lab.run(SECOND)
    // 1480 less 8 of header, 8 of vector, 8 of check value, 2 of trailer: 1454 behind the IP header.
    expect(lab.namespace('h1').ipv4.pathMtu(destination)).toBe(1474)
    expect(socket.sendTo(destination, 9, 1447)).toBe('EMSGSIZE')
    const seen = watch(lab)
    expect(socket.sendTo(destination, 9, 1446)).toBeNull()
    lab.run(SECOND)
    expect(seen.find(({ protocol }) => protocol === 50)!.l3Length).toBe(1500)
  })
})

it('is shown as ip(8) does', () => {
  const lab = secured()
  expect(canPing(lab, 'c1', '10.244.1.2')).toBe(true)
  expect(showXfrmStates(lab.namespace('h1')).lines.slice(0, 6)).toEqual([
    'src 192.168.50.11 dst 192.168.50.12',
    '\tproto esp spi 0x00000102 reqid 13681891 mode transport',
    '\treplay-window 0',
    `\taead rfc4106(gcm(aes)) 0x${KEY} 64`,
    '\tanti-replay context: seq 0x0, oseq 0x1, bitmap 0x00000000',
    '\tsel src 0.0.0.0/0 dst 0.0.0.0/0 ',
  ])
  expect(showXfrmPolicies(lab.namespace('h1')).lines).toEqual([
    'src 192.168.50.11/32 dst 192.168.50.12/32 proto udp dport 8472 ',
    '\tdir out priority 0 ',
    '\tmark 0xd0c4e3/0xffffffff ',
    '\ttmpl src 192.168.50.11 dst 192.168.50.12',
    '\t\tproto esp spi 0x00000102 reqid 13681891 mode transport',
  ])
  expect(lab.on('h1').iptables.save()).toContain(
    '-A OUTPUT -p udp -m udp --dport 8472 -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffffff00=0x100" -j MARK --set-xmark 0xd0c4e3/0xffffffff',
  )
  expect(lab.on('h1').iptables.save()).toContain('-m policy --dir in --pol none -j DROP')
})

it('costs what its stages say: a unit for each packet, and more for each byte at the receiver', () => {
  const lab = secured(1424, { costs: COST_PROFILES['server-2020s']! })
  const spent = (stage: number) =>
    lab.kernel.machine!.cores.reduce((sum, { account }) => sum + account[stage]!, 0)
  lab.namespace('c2').sockets.openUdp(9)
  lab.namespace('c1').sockets.openUdp()!.sendTo(ipv4('10.244.1.2'), 9, 1000)
  lab.run(SECOND)
  // With their Ethernet headers 1092 bytes as plain and 1120 as sealed; cold code takes 1.65 times as long.
  const warm = [1000 + 1.2 * 1092, 1000 + 5 * 1120].map((ns) => ns * 1000)
  const ratios = [STAGE_ESP_OUTPUT, STAGE_ESP_INPUT].map((stage, i) => spent(stage) / warm[i]!)
  for (const ratio of ratios) {
    expect(ratio).toBeGreaterThan(0.99)
    expect(ratio).toBeLessThan(1.66)
  }
})

describe.skipIf(!peerAvailable('tshark'))('a capture', () => {
  it('is one in which tshark finds ESP and no fault', () => {
    const lab = secured()
    const capture = new Capture()
    lab.tap('h1', 'eth0', capture.interface('h1'))
    expect(canPing(lab, 'c1', '10.244.1.2')).toBe(true)
    const packets = expectCleanCapture(capture.bytes(), ['esp.spi', 'esp.sequence'])
    const esp = packets.map((packet) => [packet['esp.spi'], packet['esp.sequence']].flat())
    expect(esp.filter((fields) => fields.length > 0)).toEqual([
      ['0x00000102', '1'],
      ['0x00000201', '1'],
    ])
  })
})
