/** What the contract suite is told by the file of a scheme. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { userContract } from './user-contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'encap-contract-'))

afterAll(() => rmSync(folder, { recursive: true }))

const SCHEME = `import { SECOND, z } from 'encap/scheme'

export default {
  name: 'mine',
  summary: 'Mine.',
  options: z.strictObject({}),
  variant: () => 'mine',
  startHost: () => null,
}
`

let files = 0

/** Each time another file, for a module is loaded once. */
function file(text: string): string {
  const path = join(folder, `mine${files++}.ts`)
  writeFileSync(path, text)
  return path
}

describe('the contract of a file', () => {
  it('is that of its scheme, and what it exports of it', async () => {
    const told = `
export const contract = {
  small: { subnet: '10.0.0.0/29' },
  settle: 2 * SECOND,
  skip: [{ test: 'jumbo', reason: 'its MTU is fixed' }],
}
`
    expect(await userContract(file(SCHEME + told))).toMatchObject({
      name: 'mine',
      scheme: { name: 'mine' },
      small: { subnet: '10.0.0.0/29' },
      settle: 2e12,
      skip: [{ test: 'jumbo', reason: 'its MTU is fixed' }],
    })
    expect(await userContract(file(SCHEME))).toMatchObject({ name: 'mine' })
  })

  it.each([
    ['{ smal: {} }', /mine\d\.ts: error: contract: Unrecognized key: "smal"/],
    ["{ skip: [{ test: 'jumbos', reason: 'x' }] }", /contract\.skip\.0\.test: .*"jumbo"/],
    ["{ skip: [{ test: 'jumbo', reason: '' }] }", /contract\.skip\.0\.reason: /],
    ["{ settle: '2s' }", /contract\.settle: .*expected number/],
  ])('is refused where it is wrong: %s', async (contract, message) => {
    const path = file(`${SCHEME}\nexport const contract = ${contract}\n`)
    await expect(userContract(path)).rejects.toThrow(message)
  })

  it('needs a scheme', async () => {
    await expect(userContract(file('export default 1\n'))).rejects.toThrow(
      'its default export must be a scheme',
    )
  })
})
