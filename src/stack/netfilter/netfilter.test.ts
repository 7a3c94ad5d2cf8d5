import { describe, expect, it } from 'vitest'
import { Ledger } from '../../measure/ledger.ts'
import type { Stage, Tracer } from '../../measure/tracer.ts'
import { Simulator } from '../../sim/simulator.ts'
import { SECOND } from '../../sim/units.ts'
import { ETHERTYPE_IPV4, Frame, PROTOCOL_UDP } from '../../wire/frame.ts'
import type { IcmpMessage } from '../../wire/icmp.ts'
import { formatIpv4, ipv4, parseInterfaceAddress, prefix } from '../../wire/ipv4-address.ts'
import { macOf } from '../../wire/mac-address.ts'
import { NetDevice } from '../device.ts'
import { Kernel } from '../kernel.ts'
import { KERNEL_PROFILES } from '../kernel-profile.ts'
import { HOOK_FORWARD, HOOK_PREROUTING, NetNamespace } from '../namespace.ts'
import type { SocketError } from '../sockets.ts'
import { Iptables } from './iptables.ts'
import type { Netfilter } from './netfilter.ts'

/** One end of a cable between two namespaces: forgets what the sender's namespace knew of a frame. */
class Plug extends NetDevice {
  readonly kind = 'veth'
  peer: Plug | null = null

  constructor(namespace: NetNamespace, name: string, number: number) {
    super(namespace, name, 1500, macOf(0x020000, number))
    this.up = true
  }

  protected transmit(frame: Frame): void {
    const out = frame.writable()
    out.conntrack = null
    out.mark = 0
    this.namespace.kernel.netifRx(out, this.peer!)
  }
}

class Recorder implements Tracer {
  readonly lines: string[] = []

  stage(_frame: Frame, stage: Stage, place: string, row?: unknown): void {
    if (['netfilter', 'nat', 'conntrack'].includes(stage))
      this.lines.push(`${place} ${stage} ${row}`)
  }

  dropped(_frame: Frame, reason: string, place: string, row?: unknown): void {
    this.lines.push(`${place} dropped ${reason} ${row}`)
  }
}

/** A container behind a host, and a server on the host's network. */
function lab(rules = '') {
  const simulator = new Simulator('1')
  const ledger = new Ledger()
  const recorder = new Recorder()
  ledger.tracer = recorder
  const kernel = new Kernel(simulator, ledger, 'machine', KERNEL_PROFILES['6.18']!)
  const [container, host, server] = ['c1', 'h1', 'server'].map(
    (name) => new NetNamespace(kernel, name),
  )
  connect(container!, 'eth0', '10.244.0.2/24', host!, 'cni0', '10.244.0.1/24')
  connect(host!, 'eth0', '192.168.50.11/24', server!, 'eth0', '192.168.50.12/24')
  host!.sysctls.ipForward = true
  container!.routes.add({ destination: prefix('0.0.0.0/0'), via: ipv4('10.244.0.1') })
  const iptables = new Iptables(host!)
  if (rules !== '') iptables.restore(rules)
  return {
    container: container!,
    host: host!,
    server: server!,
    iptables,
    ledger,
    lines: recorder.lines,
    settle() {
      simulator.run(simulator.now + SECOND)
      expect(ledger.imbalance()).toBe(0)
    },
  }
}

let plugs = 0

function connect(
  a: NetNamespace,
  aName: string,
  aAddress: string,
  b: NetNamespace,
  bName: string,
  bAddress: string,
): void {
  const [left, right] = [new Plug(a, aName, ++plugs), new Plug(b, bName, ++plugs)]
  left.peer = right
  right.peer = left
  for (const [plug, address] of [
    [left, aAddress],
    [right, bAddress],
  ] as const) {
    plug.namespace.addDevice(plug)
    plug.namespace.addAddress(plug, parseInterfaceAddress(address)!)
  }
}

/** A server that answers every datagram; `seen` says from where they came. */
function answering(namespace: NetNamespace, port: number): { seen: string[] } {
  const socket = namespace.sockets.openUdp(port)!
  const seen: string[] = []
  socket.onReceive = (frame) => {
    seen.push(`${formatIpv4(frame.ipSrc)}:${frame.sourcePort} ${frame.l3Length - 28}`)
    socket.sendTo(frame.ipSrc, frame.sourcePort, frame.l3Length - 28)
  }
  return { seen }
}

/** A client's socket with what came back on it. */
function asking(namespace: NetNamespace, port: number) {
  const socket = namespace.sockets.openUdp(port)!
  const answers: string[] = []
  const errors: SocketError[] = []
  socket.onReceive = (frame) => answers.push(`${formatIpv4(frame.ipSrc)}:${frame.sourcePort}`)
  socket.onError = (error) => errors.push(error)
  return { socket, answers, errors }
}

/** What `look` sees of each IPv4 packet that comes in on a device. */
function watch<T>(namespace: NetNamespace, device: string, look: (frame: Frame) => T): T[] {
  const seen: T[] = []
  namespace.device(device)!.tap = {
    frame(_time, frame, direction) {
      if (direction === 'in' && frame.etherType === ETHERTYPE_IPV4) seen.push(look(frame))
    },
  }
  return seen
}

const SERVER = ipv4('192.168.50.12')
const HOST = ipv4('192.168.50.11')

/** The lab's rules of a flannel host (lab.sh, flannel_common, host 1). */
const FLANNEL = `*filter
:FLANNEL-FWD -
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
*nat
:FLANNEL-POSTRTG -
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.0.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
COMMIT
`

/** The lab's rules of docker_gwbridge (lab.sh, up_docker-overlay), for this lab's bridge and subnet. */
const GWBRIDGE = `*filter
:FORWARD DROP
:DOCKER-USER -
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o cni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o cni0 -j DOCKER
-A FORWARD -i cni0 ! -o cni0 -j ACCEPT
-A FORWARD -i cni0 -o cni0 -j DROP
-A DOCKER-ISOLATION-STAGE-1 -i cni0 ! -o cni0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o cni0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
-A POSTROUTING -s 10.244.0.0/24 ! -o cni0 -j MASQUERADE
COMMIT
`

describe('masquerading', () => {
  it('hides a container behind its host, and brings the answers back', () => {
    const { container, server, settle, ledger } = lab(GWBRIDGE)
    const { seen } = answering(server, 53)
    const { socket, answers } = asking(container, 40000)
    for (let i = 0; i < 3; i++) socket.sendTo(SERVER, 53, 100)
    settle()
    expect(seen).toEqual(Array(3).fill('192.168.50.11:40000 100'))
    expect(answers).toEqual(Array(3).fill('192.168.50.12:53'))
    expect(ledger.dropped).toBe(0)
  })

  it('draws a port with --random-fully, one for the whole flow', () => {
    const { container, server, settle } = lab(FLANNEL)
    const { seen } = answering(server, 53)
    const { socket, answers } = asking(container, 40000)
    for (let i = 0; i < 3; i++) socket.sendTo(SERVER, 53, 100)
    settle()
    expect(new Set(seen).size).toBe(1)
    expect(seen[0]).toMatch(/^192\.168\.50\.11:/)
    expect(seen[0]).not.toContain(':40000 ')
    expect(answers).toHaveLength(3)
  })

  it('changes the identifier of a ping, and changes it back', () => {
    const { container, server, settle } = lab(FLANNEL)
    const requests = watch(server, 'eth0', (frame) => (frame.header as IcmpMessage).identifier)
    const socket = container.sockets.openEcho()
    const replies: number[] = []
    socket.onReply = (_, sequence) => replies.push(sequence)
    for (const sequence of [1, 2]) socket.request(SERVER, sequence, 56)
    settle()
    expect(replies).toEqual([1, 2])
    expect(requests).toHaveLength(2)
    expect(requests[0]).toBe(requests[1])
    expect(requests).not.toContain(socket.identifier)
  })

  it('leaves alone what its rules return', () => {
    const { container, server, settle } = lab(FLANNEL)
    const { seen } = answering(container, 80)
    server.routes.add({ destination: prefix('10.244.0.0/24'), via: HOST })
    const { socket, answers } = asking(server, 50000)
    socket.sendTo(ipv4('10.244.0.2'), 80, 10)
    settle()
    expect(seen).toEqual(['192.168.50.12:50000 10'])
    expect(answers).toEqual(['10.244.0.2:80'])
  })

  it('translates datagrams that came in fragments whole', () => {
    const { container, server, settle, ledger } = lab(GWBRIDGE)
    const { seen } = answering(server, 53)
    const { socket, answers } = asking(container, 40000)
    socket.sendTo(SERVER, 53, 4000)
    settle()
    expect(seen).toEqual(['192.168.50.11:40000 4000'])
    expect(answers).toEqual(['192.168.50.12:53'])
    expect(ledger.fragments).toBeGreaterThan(0)
  })

  it('drops a flow that now leaves by another device', () => {
    const { container, host, server, settle, ledger } = lab(GWBRIDGE)
    connect(host, 'eth1', '192.168.60.11/24', server, 'eth1', '192.168.60.12/24')
    answering(server, 53)
    const { socket } = asking(container, 40000)
    socket.sendTo(SERVER, 53, 10)
    settle()
    host.routes.add({ destination: prefix('192.168.50.12/32'), via: ipv4('192.168.60.12') })
    socket.sendTo(SERVER, 53, 10)
    settle()
    expect(ledger.dropsByReason()).toEqual(new Map([['netfilter', 1]]))
  })
})

describe('ICMP errors of translated packets', () => {
  it('reach the socket of the container, whose packet they quote as it was', () => {
    const { container, settle } = lab(FLANNEL)
    const { socket, errors } = asking(container, 40000)
    socket.sendTo(SERVER, 9, 10, 77)
    settle()
    // Found by the quoted source port, which was another one on the wire.
    expect(errors).toMatchObject([{ type: 3, code: 3, from: SERVER, sequence: 77 }])
  })

  it('quote on each side what that side sent', () => {
    const { container, host, settle } = lab(FLANNEL)
    const quoted = (frame: Frame) => {
      const { inner } = frame
      return `${formatIpv4(frame.ipDst)} of ${formatIpv4(inner!.ipSrc)}:${inner!.sourcePort}`
    }
    const outside = watch(host, 'eth0', quoted)
    const inside = watch(container, 'eth0', quoted)
    const { socket, errors } = asking(container, 40000)
    for (let i = 0; i < 3; i++) socket.sendTo(SERVER, 9, 10)
    settle()
    expect(errors).toHaveLength(3)
    expect(inside).toEqual(Array(3).fill('10.244.0.2 of 10.244.0.2:40000'))
    expect(new Set(outside).size).toBe(1)
    expect(outside[0]).toMatch(/^192\.168\.50\.11 of 192\.168\.50\.11:(?!40000)/)
  })

  it('come from the published address when a published port is closed', () => {
    const { server, settle, ledger } = lab(`*nat
-A PREROUTING -p udp --dport 8080 -j DNAT --to-destination 10.244.0.2:80
COMMIT`)
    const { socket, errors } = asking(server, 50000)
    socket.sendTo(HOST, 8080, 10)
    settle()
    expect(errors).toMatchObject([{ type: 3, code: 3, from: HOST }])
    expect(ledger.dropsByReason()).toEqual(new Map([['no_socket', 1]]))
  })
})

describe('published ports', () => {
  const PUBLISHED = `*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i cni0 -j RETURN
-A DOCKER ! -i cni0 -p udp -m udp --dport 8080 -j DNAT --to-destination 10.244.0.2:80
COMMIT`

  it('lead from outside to the container', () => {
    const { container, server, settle } = lab(PUBLISHED)
    const { seen } = answering(container, 80)
    const { socket, answers } = asking(server, 50000)
    socket.sendTo(HOST, 8080, 10)
    socket.sendTo(HOST, 8080, 20)
    settle()
    expect(seen).toEqual(['192.168.50.12:50000 10', '192.168.50.12:50000 20'])
    expect(answers).toEqual(['192.168.50.11:8080', '192.168.50.11:8080'])
  })

  it('lead from the host itself to the container', () => {
    const { container, host, settle } = lab(PUBLISHED)
    const { seen } = answering(container, 80)
    const { socket, answers } = asking(host, 50000)
    socket.sendTo(HOST, 8080, 10)
    settle()
    expect(seen).toEqual(['192.168.50.11:50000 10'])
    expect(answers).toEqual(['192.168.50.11:8080'])
  })

  it('do not catch what is for another address', () => {
    const { container, server, settle } = lab(PUBLISHED)
    answering(container, 80)
    const { seen } = answering(server, 8080)
    const { socket } = asking(container, 50000)
    socket.sendTo(SERVER, 8080, 10)
    settle()
    expect(seen).toEqual(['10.244.0.2:50000 10'])
  })
})

describe('filtering', () => {
  it('drops by the policy of a chain, told as a command', () => {
    const { server, settle, ledger, lines } = lab(GWBRIDGE)
    server.routes.add({ destination: prefix('10.244.0.0/24'), via: HOST })
    const { socket, answers } = asking(server, 50000)
    socket.trace = 1
    socket.sendTo(ipv4('10.244.0.2'), 80, 10)
    settle()
    expect(answers).toEqual([])
    expect(ledger.dropsByReason()).toEqual(new Map([['netfilter', 1]]))
    expect(lines).toEqual([
      'h1 conntrack udp src=192.168.50.12 dst=10.244.0.2 sport=50000 dport=80 [UNREPLIED] ' +
        'src=10.244.0.2 dst=192.168.50.12 sport=80 dport=50000',
      'h1/eth0 dropped netfilter -t filter -P FORWARD DROP',
    ])
  })

  it('rejects with an error to the sender', () => {
    const { container, settle, lines } = lab(`*filter
-A FORWARD -p udp --dport 53 -j REJECT --reject-with icmp-host-prohibited
COMMIT`)
    const { socket, errors } = asking(container, 40000)
    socket.trace = 1
    socket.sendTo(SERVER, 53, 10)
    settle()
    expect(errors).toMatchObject([{ type: 3, code: 10, from: ipv4('10.244.0.1') }])
    expect(lines).toEqual([
      'h1/cni0 dropped netfilter -t filter -A FORWARD -p udp -m udp --dport 53 -j REJECT ' +
        '--reject-with icmp-host-prohibited',
    ])
  })

  it('counts packets and bytes of the rules that fit', () => {
    const { container, host, server, settle } = lab()
    answering(server, 53)
    const iptables = new Iptables(host)
    iptables.restore('*filter\n-A FORWARD -s 10.244.0.2\n-A FORWARD -j ACCEPT\nCOMMIT')
    const { socket } = asking(container, 40000)
    for (let i = 0; i < 3; i++) socket.sendTo(SERVER, 53, 72)
    settle()
    const { rules } = (host.filter as Netfilter).table('filter').chain('FORWARD')!
    expect(rules.map(({ packets, bytes }) => [packets, bytes])).toEqual([
      [3, 300],
      [3, 300],
    ])
  })

  it('traces the rules that decided and the translation', () => {
    const { container, server, settle, lines } = lab(GWBRIDGE)
    answering(server, 53)
    const { socket } = asking(container, 40000)
    socket.trace = 1
    socket.sendTo(SERVER, 53, 10)
    settle()
    const flow = 'udp src=10.244.0.2 dst=192.168.50.12 sport=40000 dport=53'
    expect(lines).toEqual([
      `h1 conntrack ${flow} [UNREPLIED] src=192.168.50.12 dst=10.244.0.2 sport=53 dport=40000`,
      'h1 netfilter -t filter -A FORWARD -i cni0 ! -o cni0 -j ACCEPT',
      'h1 netfilter -t nat -A POSTROUTING -s 10.244.0.0/24 ! -o cni0 -j MASQUERADE',
      `h1 nat ${flow} [UNREPLIED] src=192.168.50.12 dst=192.168.50.11 sport=53 dport=40000`,
    ])
  })

  it('returns from chains to where it was called, and from a goto to the caller before', () => {
    const { container, server, settle } = lab(`*filter
:one -
:two -
:three -
-A FORWARD -j one
-A FORWARD -p udp --dport 1 -j DROP
-A FORWARD -p udp --dport 2 -j ACCEPT
-A FORWARD -p udp --dport 3 -j DROP
-A one -p udp --dport 2 -j RETURN
-A one -g two
-A one -j DROP
-A two -j three
-A two -p udp --dport 4 -j DROP
-A three -p udp --dport 3 -j ACCEPT
COMMIT`)
    const { socket } = asking(container, 40000)
    const arrived: number[] = []
    for (const port of [1, 2, 3, 4, 5]) {
      const listener = server.sockets.openUdp(port)!
      listener.onReceive = (frame) => arrived.push(frame.destinationPort)
      socket.sendTo(SERVER, port, 10)
    }
    settle()
    expect(arrived).toEqual([2, 3, 5])
  })
})

describe('matches and marks at one hook', () => {
  /** Runs a packet through FORWARD. @returns its mark, or null when it was dropped. */
  function markOf(
    rules: string[],
    change: (frame: Frame) => void = () => undefined,
  ): number | null {
    const { host } = lab()
    const bridge = host.device('cni0')!
    const ports = ['vetha', 'vethb'].map((name) => new Plug(host, name, ++plugs))
    for (const port of ports) port.master = bridge
    const iptables = new Iptables(host)
    for (const rule of rules) iptables.run(`-t mangle -A FORWARD ${rule}`)
    const frame = new Frame()
    frame.etherType = ETHERTYPE_IPV4
    frame.l3Length = 100
    frame.ipSrc = ipv4('10.0.0.1')
    frame.ipDst = HOST
    frame.protocol = PROTOCOL_UDP
    frame.sourcePort = 1000
    frame.destinationPort = 2000
    change(frame)
    return host.filter!.run(HOOK_FORWARD, frame, ports[0]!, ports[1]!)?.mark ?? null
  }

  it.each([
    ['-s 10.0.0.0/8', true],
    ['! -s 10.0.0.0/8', false],
    ['-d 192.168.50.11', true],
    ['! -d 192.168.50.11', false],
    ['-i cni0', true],
    ['-i cn+', true],
    ['! -i cn+', false],
    ['-i vetha', false],
    ['-o cni0', true],
    ['-o eth0', false],
    ['! -o eth0', true],
    ['-m physdev --physdev-in vetha', true],
    ['-m physdev --physdev-in vethb', false],
    ['-m physdev --physdev-out veth+ --physdev-is-bridged', true],
    ['-m physdev ! --physdev-out vethb', false],
    ['-p udp', true],
    ['! -p udp', false],
    ['-p tcp', false],
    ['! -p tcp', true],
    ['-p udp --sport 999:1000 --dport 2000', true],
    ['-p udp ! --sport 999:1000', false],
    ['-p udp --dport 2001:', false],
    ['-m addrtype --dst-type LOCAL', true],
    ['-m addrtype --src-type LOCAL', false],
    ['-m addrtype ! --src-type LOCAL --dst-type LOCAL', true],
    ['-m mark --mark 0', true],
    ['-m mark ! --mark 0/0xff', false],
    ['-m comment --comment anything', true],
    ['-m conntrack --ctstate INVALID', true],
    ['-m conntrack --ctstate NEW,ESTABLISHED', false],
  ])('%s: %s', (match, fitting) => {
    expect(markOf([`${match} -j MARK --set-mark 1`])).toBe(fitting ? 1 : 0)
  })

  it('changes the bits that it is told to', () => {
    const marks = ['--set-xmark 0xff/0xff', '--and-mark 0xf0', '--or-mark 0x1', '--xor-mark 0x3']
    expect(markOf(marks.map((mark) => `-j MARK ${mark}`))).toBe(0xf2)
    expect(markOf(['-j MARK --set-mark 0x80000000'])).toBe(0x80000000)
  })

  it('finds no port in a fragment behind the first', () => {
    const behind = (frame: Frame) => {
      frame.fragmentOffset = 1480
    }
    expect(markOf(['-p udp --dport 2000 -j DROP', '-p udp ! --dport 2000 -j DROP'], behind)).toBe(0)
    expect(markOf(['-p udp -j DROP'], behind)).toBe(null)
  })

  it('marks a copy of a frame that others hold', () => {
    let original: Frame | null = null
    const mark = markOf(['-j MARK --set-mark 1'], (frame) => {
      frame.shared = true
      original = frame
    })
    expect(mark).toBe(1)
    expect(original).toMatchObject({ mark: 0 })
  })
})

describe('conntrack', () => {
  it('is off, and fragments pass as they are, until a rule needs it', () => {
    const { host, iptables } = lab('*filter\n-A FORWARD -j ACCEPT\nCOMMIT')
    const fragment = new Frame()
    fragment.etherType = ETHERTYPE_IPV4
    fragment.l3Length = 1500
    fragment.protocol = PROTOCOL_UDP
    fragment.moreFragments = true
    const device = host.device('eth0')!
    expect(host.filter!.run(HOOK_PREROUTING, fragment, device, null)).toBe(fragment)
    iptables.run('-A FORWARD -m conntrack --ctstate NEW -j ACCEPT')
    expect(host.filter!.run(HOOK_PREROUTING, fragment, device, null)).toBe(null)
    expect(host.fragments.heldFrames()).toBe(1)
  })
})
