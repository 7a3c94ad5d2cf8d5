import { SECOND } from '../../../sim/units.ts'
import { type Case, Refusal } from '../case.ts'
import type { Cell } from '../cell.ts'
import type { Question } from '../question.ts'
import { failureCells } from './failures-cells.ts'
import { type Failure, fail, failureSections } from './failures-trial.ts'

/** Routed racks: the hosts of each are a subnet of their own, and BGP finds the ways between. */
const FABRIC = { mode: 'l3', racks: 2, hostsPerRack: 2, spines: 2, routing: 'bgp' }
const PLACES = { near: 'h1', far: 'h3', third: 'h4' }

/** By then all containers of all schemes are on their networks, stores included. */
const START = 30 * SECOND

const UPLINK: Failure = {
  name: 'leaf uplink cut',
  faults: [{ link: 'leaf1-spine1', cut: true }],
  far: 'far',
}

/** Whether containers of two routed racks reach each other, and what the cut of an uplink does to them. */
export const racks: Question = {
  name: 'routed racks',
  sections: ['connectivity and isolation', 'failures'],
  ask(asked: Case): Cell[] {
    try {
      return across(asked)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const evidence = { scenario: error.key, probe: error.message, instant: 0 }
      return [{ ...ROW, value: false, text: 'no: refused', evidence }]
    }
  },
}

const ROW = { section: 'connectivity and isolation', row: 'own network, across routers' }

function across(asked: Case): Cell[] {
  const sections = { ...failureSections(asked, PLACES), fabric: FABRIC }
  const findings = fail(asked, PLACES, UPLINK, START, sections)
  if (findings === null) return []
  const { trial, crossesHosts } = findings
  const probe = 'datagrams from a on h1 to b on h3, in another rack'
  const answer = trial.cell(ROW.section, ROW.row, crossesHosts, crossesHosts ? 'yes' : 'no', probe)
  return crossesHosts ? [answer, ...failureCells(UPLINK, findings)] : [answer]
}
