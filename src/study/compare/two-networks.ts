import { type Case, Refusal } from './case.ts'
import type { Section } from './entrant.ts'
import type { Trial } from './trial.ts'

/** The hosts of the probe containers: the first, one in the middle, and the last. */
export interface Places {
  readonly near: string
  readonly far: string
  readonly third: string
}

export interface TwoNetworks {
  readonly trial: Trial
  readonly places: Places
  /** Why there is no second network; null when there is. */
  readonly refusal: string | null
}

export function placesOf({ base }: Case): Places {
  const { hosts } = base
  const third = hosts.at(-1)!
  const middle = hosts[Math.floor(hosts.length / 2)]!
  // Of two hosts the last is the far one as well.
  return { near: hosts[0]!, far: middle === hosts[0] ? third : middle, third }
}

/** The base's hosts, where work takes no time: for what is no matter of speed. */
export function idleHosts({ base }: Case): Section {
  return { ...(base.sections['hosts'] as Section | undefined), costs: 'none' }
}

/**
 * Networks `red` and `blue`: red-1 and red-2 on the near host, red-3 on the far one; blue-1 near, blue-3
 * far; both-1 on the third host is on both. Where the scheme admits one network only: red alone.
 */
export function twoNetworks(asked: Case): TwoNetworks {
  const places = placesOf(asked)
  const { near, far, third } = places
  const red = [
    { name: 'red-1', host: near, networks: ['red'] },
    { name: 'red-2', host: near, networks: ['red'] },
    { name: 'red-3', host: far, networks: ['red'] },
  ]
  const blue = [
    { name: 'blue-1', host: near, networks: ['blue'] },
    { name: 'blue-3', host: far, networks: ['blue'] },
    { name: 'both-1', host: third, networks: ['red', 'blue'] },
  ]
  const sections = {
    fabric: { gateway: true },
    hosts: idleHosts(asked),
    workload: null,
    faults: null,
    duration: '1s',
  }
  try {
    const trial = asked.trial('two networks', {
      ...sections,
      networks: { red: asked.network(), blue: asked.network('another') },
      containers: [...red, ...blue],
    })
    return { trial, places, refusal: null }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const networks = { red: asked.network() }
    const trial = asked.trial('one network', { ...sections, networks, containers: red })
    return { trial, places, refusal: error.message }
  }
}
