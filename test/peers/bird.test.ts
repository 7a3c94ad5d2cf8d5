/** Our BGP sessions against the real BIRD 2, over loopback and in real time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Neighbour } from '../../src/control/bgp/neighbour.ts'
import { BIRD_GRACEFUL_RESTART, BIRD_TIMERS } from '../../src/control/bgp/session/settings.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { freePort, LoopbackSpeaker, RealBird, until } from './bird.ts'
import { peerAvailable } from './tshark.ts'

const OWN_AS = 4200000001
const EXTERNAL = '127.0.0.2'
const INTERNAL = '127.0.0.4'
const SOURCES = new Map([
  [ipv4(EXTERNAL), '127.0.0.1'],
  [ipv4(INTERNAL), '127.0.0.3'],
])
const OURS = prefix('10.20.30.0/24')
const WAIT_MS = 5000
const CONNECT_MS = 200

/** An eBGP peer and an iBGP peer of ours; both only listen. */
const configuration = (port: number) => `
log stderr all;
router id 10.9.9.9;
protocol device { }
protocol static fixed {
  ipv4;
  route 198.51.100.0/24 blackhole { bgp_med = 7; bgp_community.add((65001, 9)); };
  route 203.0.113.128/25 blackhole;
}
template bgp common {
  debug { states, events, packets };
  multihop; passive on; strict bind on; hold time 3;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
}
protocol bgp outside from common {
  local ${EXTERNAL} port ${port} as 65001; neighbor ${SOURCES.get(ipv4(EXTERNAL))} as ${OWN_AS};
}
protocol bgp inside from common {
  local ${INTERNAL} port ${port} as ${OWN_AS}; neighbor ${SOURCES.get(ipv4(INTERNAL))} as ${OWN_AS};
}
`

describe.skipIf(!peerAvailable('bird'))('a session with BIRD', () => {
  let bird: RealBird
  let ours: LoopbackSpeaker
  let external: Neighbour
  let internal: Neighbour
  const wait = (what: () => boolean) => until(what, WAIT_MS, () => bird.log)
  const states = () => [external, internal].map(({ session }) => session.state)

  beforeAll(async () => {
    const port = await freePort()
    bird = new RealBird(configuration(port))
    await wait(() => bird.log.includes('Started'))
    ours = new LoopbackSpeaker({ as: OWN_AS, routerId: ipv4('192.0.2.1') }, port, SOURCES)
    const add = (address: string, remoteAs: number) =>
      ours.speaker.addNeighbour({
        remoteAs,
        // What stands in NEXT_HOP: BIRD takes no loopback address there.
        localAddress: ipv4('192.0.2.1'),
        remoteAddress: ipv4(address),
        timers: {
          ...BIRD_TIMERS,
          startDelay: 0,
          connectDelay: (CONNECT_MS * SECOND) / 1000,
          keepalive: 80 * SECOND,
        },
        isPassive: false,
        gracefulRestart: BIRD_GRACEFUL_RESTART,
      })
    external = add(EXTERNAL, 65001)
    internal = add(INTERNAL, OWN_AS)
    ours.speaker.originate(OURS)
    ours.speaker.originate(prefix('0.0.0.0/0'))
    for (const { session } of ours.speaker.neighbours) session.start()
    await wait(() => states().every((state) => state === 'Established'))
  })

  afterAll(() => {
    ours?.speaker.shutDown()
    bird.stop()
  })

  it('is established, with what each side can do', () => {
    const protocol = bird.ask('show protocols all outside')
    expect(protocol).toMatch(/BGP state:\s+Established/)
    expect(protocol).toMatch(/Neighbor capabilities\s+Multiprotocol\s+AF announced: ipv4/)
    expect(protocol).toMatch(/Session:\s+external multihop AS4/)
    expect(protocol).toMatch(/Hold timer:\s+[\d.]+\/3\s+Keepalive timer:\s+[\d.]+\/1/)
    expect(external.session.remote).toMatchObject({ as: 65001, holdTime: 3 })
    expect(external.session.remote!.capabilities).toMatchObject({
      ipv4Unicast: true,
      routeRefresh: true,
      fourOctetAs: 65001,
      gracefulRestart: { isAble: false },
    })
  })

  it('brings our routes to BIRD with the right attributes', async () => {
    const shown = () => bird.ask('show route 10.20.30.0/24 all')
    await wait(() => shown().includes('outside') && shown().includes('inside'))
    expect(shown()).toMatch(/outside [^*]*\[AS4200000001i\]/)
    expect(shown()).toContain('BGP.as_path: 4200000001')
    expect(shown()).toContain('BGP.next_hop: 192.0.2.1')
    expect(shown()).toMatch(/BGP.local_pref: 100/)
    expect(bird.ask('show route 0.0.0.0/0')).toContain('outside')
  })

  it('brings its routes to us', async () => {
    // Either session may be the first to bring them.
    await wait(
      () => [...ours.routes.values()].flat().filter((hop) => hop === INTERNAL).length === 2,
    )
    // eBGP is preferred to iBGP only after the length of the path, which is shorter within the AS.
    expect([...ours.routes]).toEqual([
      ['198.51.100.0/24', [INTERNAL]],
      ['203.0.113.128/25', [INTERNAL]],
    ])
    const [path] = [...ours.speaker.locRib.destinations()].flatMap(({ prefix: to, best }) =>
      to.length === 24 && best?.source ? [best] : [],
    )
    expect(path!.attributes).toMatchObject({
      ...{ asPath: [], med: 7, localPref: 100, communities: [65001 * 65536 + 9] },
    })
  })

  it('withdraws, both ways', async () => {
    ours.speaker.withdraw(OURS)
    await wait(() => !bird.ask('show route').includes('10.20.30.0/24'))
    bird.tell('disable fixed')
    await wait(() => ours.routes.size === 0)
    expect(external.received + internal.received).toBe(0)
    expect(states()).toEqual(['Established', 'Established'])
  })

  it('ends with the hold time, ours and theirs', async () => {
    ours.mute(external)
    await wait(() => external.session.state !== 'Established')
    expect(ours.ends.get(ipv4(EXTERNAL))).toMatchObject({ kind: 'received', error: { code: 4 } })
    expect(bird.log).toContain('outside: Error: Hold timer expired')
    expect(internal.session.state).toBe('Established')
    bird.signal('SIGSTOP')
    await wait(() => internal.session.state !== 'Established')
    expect(ours.ends.get(ipv4(INTERNAL))).toMatchObject({ kind: 'sent', error: { code: 4 } })
    bird.signal('SIGCONT')
    await wait(() => bird.log.includes('inside: Received: Hold timer expired'))
  }, 12_000)
})
