import { expect, it } from 'vitest'
import { builtinSchemes } from '../schemes/registry.ts'
import { loadScenario } from './load.ts'

const load = (needs: string) =>
  loadScenario(`name: needs\nneeds: ${needs}\n`, 'needs.yaml', builtinSchemes)

it('reads what is needed, with units', () => {
  const loaded = load('{ isolation: true, throughput: 10Gbps, hosts: 200, startWithin: 2s }')
  if (!loaded.ok) throw new Error(loaded.issues[0]!.message)
  expect(loaded.scenarios[0]!.needs).toEqual({
    isolation: true,
    throughput: 10e9,
    hosts: 200,
    containersPerHost: 10,
    startWithin: 2e12,
  })
})

it('says where a need is not known, and which was meant', () => {
  const loaded = load('{ isolaton: true }')
  const [issue] = loaded.ok ? [] : loaded.issues
  expect(issue).toMatchObject({ code: 'unknown_key', line: 2, column: 10 })
  expect(issue!.remedy).toContain('isolation')
})

it('takes no need that is denied', () => {
  expect(load('{ noStore: false }').ok).toBe(false)
})
