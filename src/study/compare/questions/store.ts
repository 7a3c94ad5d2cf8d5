import { AttachError, type Endpoint } from '../../../schemes/contract.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Case } from '../case.ts'
import type { Cell } from '../cell.ts'
import type { Section } from '../entrant.ts'
import type { Question } from '../question.ts'
import { type StoreTalk, StoreWatch } from '../store-watch.ts'
import type { Trial } from '../trial.ts'
import { idleHosts, placesOf } from '../two-networks.ts'

const SECTION = 'distributed store'
/** Of each run that is subtracted from another: they must be as long as each other. */
const RUN = 30 * SECOND
/** Long enough for daemons to notice that nobody answers. */
const NOTICE = 5 * SECOND
const PATIENCE = 20 * SECOND

/** Leases of all have ended by then: see `Showcase.shortLeases`. */
const LEASES_END = 180 * SECOND
/** For daemons to find their store again, and to put right what they find there. */
const RETURN = 60 * SECOND

interface Containers {
  /** Beside a and b, which are on a host each. */
  readonly more?: readonly Section[]
  readonly withBlue?: boolean
  readonly options?: Section
}

function trialOf(asked: Case, what: string, containers: Containers = {}): Trial {
  const { more = [], withBlue = false, options = {} } = containers
  const { near, far } = placesOf(asked)
  return asked.trial(what, {
    hosts: idleHosts(asked),
    networks: {
      red: asked.network('first', options),
      ...(withBlue ? { blue: asked.network('another') } : {}),
    },
    containers: [
      { name: 'a', host: near, networks: ['red'] },
      { name: 'b', host: far, networks: ['red'] },
      ...more,
    ],
    workload: null,
    faults: null,
    duration: '1s',
  })
}

/** What is said to the store and by it on behalf of a container, a host, a network: runs with less one. */
export const storeCost: Question = {
  name: 'store cost',
  sections: ['distributed store'],
  ask(asked: Case): Cell[] {
    const { near, third, far } = placesOf(asked)
    const least = trialOf(asked, 'store, two containers')
    const { store } = least.world
    const talk = talkOf(least)
    const kind = store === null ? 'none' : `${store.kind} ${store.version}`
    const which = least.cell(SECTION, 'store', kind, kind, 'the members that run')
    if (store === null) return [which]
    const more = (host: string, network = 'red') => ({
      more: [{ name: 'c', host, networks: [network] }],
      withBlue: network === 'blue',
    })
    const cells = [which]
    const add = (trial: Trial, what: string) => {
      cells.push(...differences(trial, what, talk, talkOf(trial)))
    }
    add(trialOf(asked, 'store, one container more', more(near)), 'container')
    if (third !== far) add(trialOf(asked, 'store, one host more', more(third)), 'host')
    if (asked.isPossible({ red: asked.network(), blue: asked.network('another') })) {
      add(trialOf(asked, 'store, one network more', more(near, 'blue')), 'network')
    }
    return cells
  },
}

function talkOf(trial: Trial): StoreTalk {
  const watch = new StoreWatch(trial)
  trial.run(RUN)
  return watch.read()
}

function differences(trial: Trial, what: string, less: StoreTalk, talk: StoreTalk): Cell[] {
  const probe = `30 s with a container more, which brings one more ${what}, less those without`
  const cell = (row: string, value: number, unit: string) =>
    trial.cell(SECTION, `${row} for a ${what}`, value, `${value}${unit}`, probe)
  return [
    cell('keys', talk.keys - less.keys, ''),
    cell('log entries', talk.entries - less.entries, ''),
    cell('sent', talk.bytesTo - less.bytesTo, ' B'),
    cell('heard', talk.bytesFrom - less.bytesFrom, ' B'),
  ]
}

/** What stops when all members are gone, and what works when they are back. */
export const storeOutage: Question = {
  name: 'store outage',
  sections: ['distributed store'],
  ask(asked: Case): Cell[] {
    if (asked.entrant.store === null) return []
    const options = asked.entrant.shortLeases
    const trial = trialOf(asked, 'store taken away', { options })
    trial.settle()
    const members = trial.world.store?.members ?? []
    for (const member of members) member.crash()
    const end = trial.now + LEASES_END
    const cells = whileDown(asked, trial)
    trial.run(Math.max(0, end - trial.now))
    cells.push(flowCell(trial, 'without it: after 3 min'))
    for (const member of members) member.start()
    trial.run(RETURN)
    return [...cells, flowCell(trial, 'back again: old flow'), ...onReturn(asked, trial)]
  },
}

function whileDown(asked: Case, trial: Trial): Cell[] {
  const { near, far, third } = placesOf(asked)
  trial.run(NOTICE)
  const cells = [
    flowCell(trial, 'without it: old flow'),
    startCell(trial, 'without it: new container', 'late', near),
  ]
  // Of two hosts none is left that has not joined yet.
  if (third === far) return cells
  trial.join(third, 'red')
  trial.run(NOTICE)
  return [...cells, startCell(trial, 'without it: new host', 'first', third)]
}

function onReturn(asked: Case, trial: Trial): Cell[] {
  const { near, far, third } = placesOf(asked)
  const cells = [startCell(trial, 'back again: new container', 'later', near)]
  if (third === far) return cells
  return [...cells, startCell(trial, 'back again: new host', 'second', third)]
}

function flowCell(trial: Trial, row: string): Cell {
  const [a, b] = [trial.endpoint('a'), trial.endpoint('b')]
  const goesOn = a !== undefined && b !== undefined && trial.reaches(a.namespace, b.address)
  const text = goesOn ? 'goes on' : 'stops'
  return trial.cell(SECTION, row, text, text, 'three pings from a to b')
}

function startCell(trial: Trial, row: string, name: string, host: string): Cell {
  const endpoint = trial.attach({ name, host, network: 'red' }, PATIENCE)
  const text = fateOf(trial, endpoint)
  return trial.cell(SECTION, row, text, text, `${name} begun on ${host}, and pinged from b`)
}

function fateOf(trial: Trial, endpoint: Endpoint | AttachError): string {
  const from = trial.endpoint('b')
  if (endpoint instanceof AttachError || from === undefined) return 'does not start'
  return trial.reaches(from.namespace, endpoint.address) ? 'works' : 'starts, not reached'
}
