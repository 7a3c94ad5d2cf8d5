import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../../../schemes/registry.ts'
import { Case } from '../case.ts'
import { entrantsOf } from '../entrant.ts'
import type { Question } from '../question.ts'
import { readBase } from '../read-base.ts'
import { failures } from './failures.ts'
import { racks } from './failures-racks.ts'
import { footprint } from './footprint.ts'
import { speed } from './performance.ts'

const FILE = new URL('../../../../scenarios/compare.yaml', import.meta.url)

/** Texts by row, as one entrant answers a question on the default file. */
function answers(question: Question, name: string): Readonly<Record<string, string>> {
  const read = readBase(readFileSync(FILE, 'utf8'), 'compare.yaml', builtinSchemes)
  if (!read.ok) throw new Error('the default file is wrong')
  const entrant = entrantsOf(builtinSchemes).find((each) => each.name === name)!
  const asked = new Case(read.base, entrant, read.base.seed, builtinSchemes)
  const cells = question.ask(asked)
  for (const { evidence } of cells) expect([...asked.scenarios.keys()]).toContain(evidence.scenario)
  return Object.fromEntries(cells.map(({ row, text }) => [row, text]))
}

describe('failures', () => {
  it('ends the containers of an engine that starts again, but not the flows of one that is dead', () => {
    const found = answers(failures, 'macvlan')
    expect(found['daemon crash: breaks']).toBe(
      'new container; at its end: old flow, same host, new flow',
    )
    expect(found['daemon crash: heals']).toBe('not in 25 s; containers restarted')
    expect(found['cable of a host cut: goes on']).toBe('same host')
    // What containers send as it is belongs to their host's side of a partition.
    expect(found['partial partition: breaks']).toBe('old flow, new flow, new container')
    expect(found['low-MTU port: breaks']).toBe('full-size packets')
    expect(found).not.toHaveProperty('tunnel blocked: breaks')
    expect(found).not.toHaveProperty('store outage: breaks')
  })

  it('finds the mesh that goes round a partition, and the tunnel that a firewall ends', () => {
    const found = answers(failures, 'weave/fastdp')
    expect(found['partial partition: heals']).toMatch(/^5\d\.\d s after its start$/)
    expect(found['tunnel blocked: goes on']).toBe('same host')
    expect(found['host crash: breaks']).toBe('to the far host')
  })

  it('counts nothing as broken that never worked', () => {
    const found = answers(failures, 'bridge')
    expect(found['cable of a host cut: goes on']).toBe('all')
    expect(found['cable of a host cut: breaks']).toBe('nothing')
    expect(found['rules flushed: breaks']).toBe('same host')
  })

  it('crosses routers or says that it does not', () => {
    expect(answers(racks, 'host')).toMatchObject({
      'own network, across routers': 'yes',
      'leaf uplink cut: goes on': 'all',
    })
    expect(answers(racks, 'macvlan')).toEqual({ 'own network, across routers': 'no' })
  })
})

describe('footprint', () => {
  it('is of hosts where these are seen, and of containers where those are', () => {
    expect(answers(footprint, 'host')).toMatchObject({
      'switch MACs': expect.stringMatching(/^H \+ 1 \(of \d+\)$/),
      'router ARP': expect.stringMatching(/^H \+ 1 \(of \d+\)$/),
      'host neighbours': 'H (of 1024)',
      'fills first, k = 100': 'host neighbours (1024): 1025 hosts',
    })
    const own = answers(footprint, 'macvlan')
    expect(own['switch MACs']).toMatch(/^C \(of \d+\)$/)
    expect(own['host neighbours']).toBe('kC (of 1024)')
    // Each of ten containers knows each of ten on every other host: 100 H at most 1024.
    expect(own['fills first, k = 10']).toBe('host neighbours (1024): 11 hosts')
  })
})

describe('performance', () => {
  it('has what the file’s workloads measured, and the start of a container', () => {
    const found = answers(speed, 'host')
    // 25 Gb/s carry 1448 bytes in 1538.
    expect(found['one-flow']).toBe('23.5 Gb/s')
    expect(found['one-flow, limited by']).toBe('link')
    expect(found['start to being reached']).toMatch(/ us$/)
  })

  it('has nothing where nobody is reached', () => {
    const found = answers(speed, 'bridge')
    expect(found['one-flow']).toBe('0 Gb/s')
    // Both hosts give out the same addresses: an answer from there would be its own.
    expect(found['start to first answer']).toBe('never')
  })
})
