/** Graceful restart and route reflection, with the real BIRD 2 at the other end. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Neighbour } from '../../src/control/bgp/neighbour.ts'
import { BIRD_TIMERS } from '../../src/control/bgp/session/settings.ts'
import type { NeighbourOptions, SpeakerSettings } from '../../src/control/bgp/speaker.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { freePort, LoopbackSpeaker, RealBird, until } from './bird.ts'
import { peerAvailable } from './tshark.ts'

const AS = 64512
const WAIT_MS = 5000
const [P, Q] = [prefix('10.20.30.0/24'), prefix('10.20.31.0/24')]
const THEIRS = '198.51.100.0/24'

const birds: RealBird[] = []
const speakers: LoopbackSpeaker[] = []

afterEach(() => {
  for (const speaker of speakers.splice(0)) speaker.kill()
  for (const bird of birds.splice(0)) bird.stop()
})

function wait(what: () => boolean): Promise<void> {
  return until(what, WAIT_MS, () => birds.map(({ log }) => log).join('\n---\n'))
}

interface Peer {
  /** BIRD's end, and ours. */
  readonly local: string
  readonly neighbor: string
  readonly lines?: string
}

/** A BIRD of AS 64512 that only listens. */
async function birdWith(port: number, id: string, peers: readonly Peer[], flags: string[] = []) {
  const protocols = peers.map(
    ({ local, neighbor, lines = '' }, i) => `protocol bgp p${i} {
  local ${local} port ${port} as ${AS}; neighbor ${neighbor} as ${AS};
  debug { states, events, packets };
  multihop; passive on; strict bind on; graceful restart on; ${lines}
  ipv4 { import all; export all; };
}`,
  )
  const bird = new RealBird(
    `log stderr all;
router id ${id};
protocol device { }
protocol static fixed { ipv4; route ${THEIRS} blackhole; }
${protocols.join('\n')}
`,
    flags,
  )
  birds.push(bird)
  await wait(() => bird.log.includes('Started'))
  return bird
}

/** One of ours with the peers that it connects to, from its address towards each. */
function speakerWith(
  port: number,
  settings: Pick<SpeakerSettings, 'routerId' | 'restartWait'>,
  peers: ReadonlyMap<string, string>,
  options: Partial<NeighbourOptions> = {},
): { ours: LoopbackSpeaker; neighbours: Neighbour[] } {
  const sources = new Map([...peers].map(([remote, source]) => [ipv4(remote), source]))
  const ours = new LoopbackSpeaker({ as: AS, ...settings }, port, sources)
  speakers.push(ours)
  const neighbours = [...peers.keys()].map((remote) =>
    ours.speaker.addNeighbour({
      remoteAs: AS,
      // What stands in NEXT_HOP: BIRD takes no loopback address there.
      localAddress: settings.routerId,
      remoteAddress: ipv4(remote),
      timers: { ...BIRD_TIMERS, startDelay: 0, connectDelay: SECOND / 5 },
      isPassive: false,
      gracefulRestart: { mode: 'on', restartTime: 30 },
      ...options,
    }),
  )
  ours.speaker.start()
  return { ours, neighbours }
}

describe.skipIf(!peerAvailable('bird'))('a graceful restart', () => {
  const LINK: Peer = { local: '127.0.0.2', neighbor: '127.0.0.1' }
  const US = new Map([['127.0.0.2', '127.0.0.1']])
  const SELF = { routerId: ipv4('192.0.2.1') }

  it('of ours: BIRD keeps our routes, and drops what we no longer announce', async () => {
    const port = await freePort()
    const bird = await birdWith(port, '10.9.9.9', [LINK])
    const { ours } = speakerWith(port, SELF, US)
    for (const block of [P, Q]) ours.speaker.originate(block)
    const routes = () => bird.ask('show route protocol p0')
    await wait(() => routes().includes('10.20.31.0/24'))
    ours.kill()
    await wait(() => bird.ask('show protocols all p0').includes('Neighbor graceful restart active'))
    expect(routes()).toContain('10.20.30.0/24')
    const again = speakerWith(port, { ...SELF, restartWait: 240 * SECOND }, US)
    again.ours.speaker.originate(P)
    expect(again.ours.speaker.isRecovering).toBe(true)
    await wait(() => !routes().includes('10.20.31.0/24'))
    expect(again.ours.speaker.isRecovering).toBe(false)
    expect(routes()).toContain('10.20.30.0/24')
    // BIRD took note of both bits: it would have dropped all without the second.
    expect(bird.ask('show protocols all p0')).toMatch(/Restart recovery[\s\S]*AF preserved: ipv4/)
    await wait(() => bird.log.includes('Neighbor graceful restart done'))
    // Of the session that broke: nothing was said at its end.
    expect(bird.log).not.toContain('Received: ')
  })

  it('of BIRD: we keep its routes, and take its word for what is new', async () => {
    const port = await freePort()
    const first = await birdWith(port, '10.9.9.9', [LINK])
    const { ours, neighbours } = speakerWith(port, SELF, US)
    const [neighbour] = neighbours
    ours.speaker.originate(P)
    await wait(() => ours.routes.has(THEIRS))
    let changes = 0
    const { setRoute } = ours
    ours.setRoute = (...route) => {
      changes++
      setRoute.apply(ours, route)
    }
    first.signal('SIGKILL')
    await wait(() => neighbour!.session.state !== 'Established')
    expect(ours.ends.get(ipv4('127.0.0.2'))).toEqual({ kind: 'lost' })
    expect([...ours.routes.keys()]).toEqual([THEIRS])
    const second = await birdWith(port, '10.9.9.9', [LINK], ['-R'])
    await wait(() => neighbour!.session.state === 'Established')
    expect(neighbour!.session.remote!.capabilities.gracefulRestart).toMatchObject({
      ...{ hasRestarted: true, isAble: true, hasForwarded: true },
    })
    // It waits for our End-of-RIB before it says anything, and says its own then.
    await wait(() => second.log.includes('Graceful restart done'))
    await wait(() => second.ask('show route').includes('10.20.30.0/24'))
    expect([changes, ours.routes.has(THEIRS)]).toEqual([0, true])
  })
})

describe.skipIf(!peerAvailable('bird'))('a route reflector', () => {
  const CLIENTS = [
    { local: '127.0.0.2', neighbor: '127.0.0.1' },
    { local: '127.0.0.4', neighbor: '127.0.0.3' },
  ]

  it('of BIRD: its other client learns ours, with where it comes from', async () => {
    const port = await freePort()
    const lines = 'rr client; rr cluster id 1.2.3.4;'
    const bird = await birdWith(
      port,
      '10.9.9.9',
      CLIENTS.map((peer) => ({ ...peer, lines })),
    )
    const first = speakerWith(
      port,
      { routerId: ipv4('192.0.2.1') },
      new Map([['127.0.0.2', '127.0.0.1']]),
    )
    first.ours.speaker.originate(P)
    const second = speakerWith(
      port,
      { routerId: ipv4('192.0.2.2') },
      new Map([['127.0.0.4', '127.0.0.3']]),
    )
    await wait(() => second.ours.routes.has('10.20.30.0/24'))
    const [path] = [...second.ours.speaker.locRib.destinations()].flatMap(({ prefix: to, best }) =>
      to.base === P.base ? [best] : [],
    )
    expect(path!.attributes).toMatchObject({
      nextHop: ipv4('192.0.2.1'),
      originatorId: ipv4('192.0.2.1'),
      clusterList: [ipv4('1.2.3.4')],
    })
    // Nobody hears of a route from the one whose route it is.
    expect(first.ours.routes.has('10.20.30.0/24')).toBe(false)
    expect(bird.ask('show route 10.20.30.0/24')).toContain('[i]')
    first.ours.speaker.withdraw(P)
    await wait(() => !second.ours.routes.has('10.20.30.0/24'))
  })

  it('of ours: one BIRD learns the routes of another', async () => {
    const port = await freePort()
    const [a, b] = CLIENTS
    const first = await birdWith(port, '10.9.9.1', [a!])
    const second = await birdWith(port, '10.9.9.2', [b!])
    // Two that announce the same: that of the lower identifier is chosen, and reflected to the other.
    const peers = new Map([
      ['127.0.0.2', '127.0.0.1'],
      ['127.0.0.4', '127.0.0.3'],
    ])
    const { ours } = speakerWith(port, { routerId: ipv4('192.0.2.1') }, peers, { isClient: true })
    ours.speaker.originate(P)
    const shown = () => second.ask(`show route ${THEIRS} protocol p0 all`)
    await wait(() => shown().includes('BGP.cluster_list'))
    expect(shown()).toContain('BGP.originator_id: 10.9.9.1')
    expect(shown()).toContain('BGP.cluster_list: 192.0.2.1')
    expect(shown()).toContain('BGP.next_hop: 127.0.0.2')
    expect(first.ask(`show route ${THEIRS} protocol p0`)).not.toContain('p0')
    await wait(() => first.ask('show route').includes('10.20.30.0/24'))
    // Its own end: the other falls back to nothing, and is told.
    first.tell('disable fixed')
    await wait(() => !shown().includes('10.9.9.1'))
  })
})
