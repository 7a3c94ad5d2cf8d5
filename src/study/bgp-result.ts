import { z } from 'zod'
import { speakerIn } from '../control/bgp/daemon.ts'
import type { World } from '../scenario/world.ts'

const count = (what: string) => z.int().min(0).describe(what)

/** The part of results that tells of BGP. */
export const bgp = z
  .strictObject({
    speakers: count('Hosts and routers that speak BGP at the end.'),
    sessions: count('Established between them at the end.'),
    messages: count('Sent over the sessions that are configured at the end, keepalives included.'),
    updates: count('UPDATE messages among them.'),
    routes: count('Destinations that BGP put into kernels and hardware, over all speakers.'),
    converged: z
      .number()
      .min(0)
      .nullable()
      .describe('When one of these routes last changed, picoseconds; null = there was none.'),
  })
  .describe('BGP of hosts and routers, whatever started it.')

type BgpResult = z.output<typeof bgp>

/** Undefined where nothing speaks BGP. */
export function bgpOf(world: World): BgpResult | undefined {
  const speakers = [...world.hosts.values()].map(({ root }) => speakerIn(root))
  for (const { namespace } of world.routers.values()) speakers.push(speakerIn(namespace))
  const running = speakers.filter((speaker) => speaker !== null)
  if (running.length === 0) return undefined
  const neighbours = running.flatMap((speaker) => [...speaker.neighbours])
  const sum = (of: (neighbour: (typeof neighbours)[number]) => number) =>
    neighbours.reduce((total, neighbour) => total + of(neighbour), 0)
  const changes = running.flatMap(({ programmedAt }) => programmedAt ?? [])
  return {
    speakers: running.length,
    // Each has two ends.
    sessions: Math.round(sum(({ session }) => (session.state === 'Established' ? 1 : 0)) / 2),
    messages: sum(({ session }) => session.counters.sent),
    updates: sum(({ session }) => session.counters.updatesSent),
    routes: running.reduce((total, { routes }) => total + routes, 0),
    converged: changes.length === 0 ? null : Math.max(...changes),
  }
}
