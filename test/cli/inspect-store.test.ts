/** `encap inspect FILE store`: the members, and what each of them has. */
import { afterAll, describe, expect, it } from 'vitest'
import { runHere, ScenarioFile } from './program.ts'

const file = new ScenarioFile(`name: store
fabric: { racks: 3, hostsPerRack: 1, links: 1Gbps }
hosts: { costs: none }
networks: {}
store: { kind: etcd }
workload:
  - { kind: kv, name: load, from: h1, at: 2s, for: 2s, interval: 100ms, keys: 3, size: 40 }
faults:
  - { partition: [[follower], [leader, followers, h1]], at: 3s, until: 4s }
`)
afterAll(() => file.remove())

async function lines(...args: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr } = await runHere('inspect', file.path, ...args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout.split('\n').slice(0, -1)
}

interface MemberJson {
  readonly name: string
  readonly role: string
  readonly keys: readonly { readonly key: string; readonly revision: number }[]
}

async function members(...args: readonly string[]): Promise<MemberJson[]> {
  return JSON.parse((await lines(...args, '-j')).join('\n'))
}

describe('inspect store', () => {
  it('shows who leads, and keys that all have alike', async () => {
    const text = await lines('store', '--at', '2.95s')
    const [leader] = (await members('store', '--at', '2.95s')).filter(
      ({ role }) => role === 'leader',
    )
    expect(text[0]).toBe('etcd 3.4')
    expect(text[2]).toMatch(/^MEMBER +HOST +STATE +TERM +LEADER +COMMIT +APPLIED +REVISION +KEYS$/)
    for (const row of text.slice(3, 6)) expect(row).toContain(` ${leader!.name} `)
    expect(text[7]).toMatch(/^SPACE +KEY +REVISION +VALUE$/)
    expect(text).toHaveLength(11)
    for (const row of text.slice(8))
      expect(row).toMatch(/^v3 +load\/[123] +\d+ +"load-\d+~+\.\.\.$/)
  })

  it('shows how the copies differ while a member is cut off', async () => {
    const text = await lines('store', '--at', '3.9s')
    const differing = text.filter((row) => /store-1 \d+, store-2 \d+, store-3 \d+/.test(row))
    expect(differing.length).toBeGreaterThan(0)
    const [behind, ...others] = (await members('store', '--at', '3.9s'))
      .map(({ keys }) => Math.max(...keys.map(({ revision }) => revision)))
      .sort((a, b) => a - b)
    expect(behind).toBeLessThan(others[0]!)
    expect(others[0]).toBe(others[1])
  })

  it('shows one member by itself, and tools on its host', async () => {
    const text = await lines('store-2', '--at', '2.95s')
    expect(text.filter((row) => row.startsWith('store-'))).toHaveLength(1)
    expect(await members('store-2')).toMatchObject([{ name: 'store-2', running: true }])
    expect((await lines('store-2', 'ip', 'route')).join()).toContain('dev eth0')
  })

  it('says which members do not run', async () => {
    const crash = ['--set', 'faults=[{ crash: store-3, at: 2s }]']
    const text = await lines('store', ...crash)
    expect(text[5]).toMatch(/^store-3 +store-3 +stopped +- +-/)
    expect(text.slice(8).join()).not.toContain('store-3')
    expect(await lines('store-3', ...crash)).toContain('it does not run')
  })

  it.each([
    [['store', 'keys'], 'store is shown whole; leave "keys" out'],
    [['store-4'], 'there is no node "store-4"; did you mean "store-1"?'],
  ])('%j is status 2', async (args, message) => {
    const { status, stderr } = await runHere('inspect', file.path, ...args)
    expect(stderr).toContain(message)
    expect(status).toBe(2)
  })
})
