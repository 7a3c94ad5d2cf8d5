/** `encap why`: one packet, its way, and whether it arrived. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { whySchema } from '../../src/report/why-json.ts'
import { runHere, SCENARIO, ScenarioFile } from './program.ts'

const file = new ScenarioFile(SCENARIO.replace('loss: 10%', 'corrupt: 0%'))
afterAll(() => file.remove())

function why(...args: readonly string[]) {
  return runHere('why', file.path, '--from', 'c1', '--to', 'c2', ...args)
}

describe('a packet that arrives is status 0:', () => {
  it.each([
    ['an echo request', [], 'delivered; the reply came after'],
    ['a datagram', ['--protocol', 'udp'], 'delivered in '],
    ['one to another port', ['--protocol', 'udp', '--port', '6000'], 'delivered in '],
    ['one that needs fragments', ['--protocol', 'udp', '--size', '65507'], 'delivered in '],
    ['one with the least TTL', ['--ttl', '1'], 'delivered; '],
    // The stream's server has that port then: the datagram is its own.
    ['one to a workload', ['--protocol', 'udp', '--at', '1050ms'], 'delivered in '],
    ['one to an address', ['--to', '10.20.128.1', '--protocol', 'udp'], 'delivered in '],
    ['one to itself', ['--to', 'c1'], 'delivered; the reply came after 0 s'],
    ['one from a host', ['--from', 'h1', '--to', 'h2'], 'delivered; '],
    ['a connection', ['--protocol', 'tcp'], 'delivered; the connection was opened'],
    ['a connection with data', ['--protocol', 'tcp', '--bytes', '100000'], '100,000 of 100,000'],
    ['a connection without any', ['--protocol', 'tcp', '--bytes', '0'], 'FIN: delivered at c2'],
    ['one of another variant', ['--variant', 'host-gw'], 'two-hosts, host-gw; seed 1'],
    ['one after the end', ['--at', '20s'], 'sent at 20 s'],
    ['one of another seed', ['--seed', 'x'], 'seed x'],
  ])('%s', async (_, args, text) => {
    const { status, stdout, stderr } = await why(...args)
    expect(stdout).toContain(text)
    expect(stdout).not.toContain('NOT DELIVERED')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('a packet that does not is status 1, with the reason:', () => {
  it.each([
    [
      'a cable cut',
      ['--at', '2s', '--set', 'faults=[{ node: h2, at: 1.9s, cut: true }]'],
      'link_down',
    ],
    ['no such station', ['--to', '10.20.99.99'], 'neighbour_failed'],
    ['no gateway', ['--to', '8.8.8.8'], 'Cause: nobody has the address 10.20.0.1'],
    ['nobody who listens', ['--protocol', 'tcp', '--to', '10.20.99.99'], 'no handshake'],
    [
      'a connection over a cable that is cut',
      ['--protocol', 'tcp', '--at', '2s', '--set', 'faults=[{ node: h2, at: 1.9s, cut: true }]'],
      'Cause: the cable at h2/eth0 does not pass it (link_down).',
    ],
    ['larger than the MTU', ['--size', '1473', '--df'], 'NOT SENT: EMSGSIZE'],
    ['a TTL that a router uses up', ['--variant', 'host-gw', '--ttl', '1'], 'ttl_exceeded'],
  ])('%s', async (_, args, text) => {
    const { status, stdout, stderr } = await why(...args)
    expect(stdout).toContain(text)
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
  })
})

describe('as data and as a drawing:', () => {
  const cut = ['--at', '2s', '--set', 'faults=[{ node: h2, at: 1.9s, cut: true }]']

  it('--json is what its schema says, with the cause', async () => {
    const { status, stdout } = await why('--json', ...cut)
    const found = whySchema.parse(JSON.parse(stdout))
    expect(status).toBe(1)
    expect(found.cause).toMatchObject({ kind: 'link', place: 'h2/eth0' })
    expect(found.packets[0]).toMatchObject({ kind: 'echo-request', fate: 'dropped' })
    expect(found.packets[0]!.steps[0]).toMatchObject({ place: 'c1', stage: 'socket_send' })
  })

  it('--json of a packet that arrives names no cause', async () => {
    const found = whySchema.parse(JSON.parse((await why('--json', '--protocol', 'tcp')).stdout))
    expect(found).toMatchObject({ delivered: true, cause: null })
    expect(found.connection).toMatchObject({ acknowledged: 56, read: 56, error: null })
  })

  it('--svg draws every node of the way, and what was lost', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'why-')), 'way.svg')
    await why('--svg', path, ...cut)
    const svg = readFileSync(path, 'utf8')
    rmSync(dirname(path), { recursive: true })
    for (const text of ['>c1<', '>leaf1<', 'LOST: link_down', 'Cause: the cable at h2/eth0']) {
      expect(svg).toContain(text)
    }
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  })
})

describe('a wrong question is status 2:', () => {
  it.each([
    [['--from', 'x1'], '--from x1: there is no such container or host; there are c1, c2, h1, h2'],
    [['--from', '10.20.0.1'], '--from 10.20.0.1: there is no such container or host'],
    [['--to', 'c9'], '--to c9: there is no such container or host'],
    [['--protocol', 'sctp'], '--protocol sctp: it must be icmp, udp or tcp'],
    [['--bytes', '10'], '--bytes: it is for --protocol tcp'],
    [['--protocol', 'tcp', '--bytes', '10000001'], '--bytes 10000001: a whole number from 0 to'],
    [['--size', '65508'], '--size 65508: a whole number from 0 to 65507'],
    [['--size', '1e3'], '--size 1e3: a whole number from 0 to 65507'],
    [['--size', '-1'], '--size -1: a whole number from 0 to 65507'],
    [['--ttl', '0'], '--ttl 0: a whole number from 1 to 255'],
    [['--port', '65536'], '--port 65536: a whole number from 1 to 65535'],
    [['--at', '5'], '--at: "5" has no unit'],
    [['--at', 'soon'], '--at: "soon" is not a duration'],
    [['--variant', 'x'], 'two.yaml has no variant "x"'],
    [['--seed', ''], '--seed: it must not be empty'],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await why(...args)
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})
