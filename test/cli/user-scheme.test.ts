/** Schemes in files of the user's: what is wrong with one is told with its place; the others run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Program, ROOT, runHere, SCENARIO } from './program.ts'

const GRE = readFileSync(join(ROOT, 'test/schemes/gre.ts'), 'utf8')

describe('a wrong file', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'encap-wrong-'))
    writeFileSync(join(folder, 'two.yaml'), SCENARIO)
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  async function complaint(text: string): Promise<string> {
    const file = join(folder, 'mine.ts')
    writeFileSync(file, text)
    const { status, stdout, stderr } = await runHere(
      'validate',
      join(folder, 'two.yaml'),
      '--scheme',
      file,
    )
    expect([status, stdout]).toEqual([2, ''])
    return stderr.replaceAll(/^\S*mine\.ts/gm, 'mine.ts')
  }

  const SCHEME = `import { z } from 'encap/scheme'

export default {
  name: 'mine',
  summary: 'Mine.',
  options: z.strictObject({}),
  variant: () => 'mine',
  startHost: () => null,
}
`

  it.each([
    [
      'that is no TypeScript',
      SCHEME.replace("'mine',", "'mine'"),
      'mine.ts:5:3: error: Expected "}" but found "summary"\n  summary: \'Mine.\',\n',
    ],
    [
      'that imports what encap/scheme does not have',
      SCHEME.replace('{ z }', '{ AdressPool, z }').replace("'mine',", 'AdressPool,'),
      'mine.ts:1:10: error: encap/scheme has no "AdressPool"; did you mean "AddressPool"?\n' +
        "  import { AdressPool, z } from 'encap/scheme'\n",
    ],
    [
      'that imports a package which is not there',
      SCHEME.replace("'encap/scheme'", "'zood'"),
      'mine.ts:1:19: error: there is no "zood"; install it where the file is\n' +
        "  import { z } from 'zood'\n",
    ],
    [
      'that imports a file which is not there',
      SCHEME.replace("'encap/scheme'", "'./other.ts'"),
      'mine.ts:1:19: error: there is no "./other.ts"\n' + "  import { z } from './other.ts'\n",
    ],
    [
      'that throws when it is loaded',
      'const none: null | string = null\n\nexport default { name: none!.length }\n',
      "mine.ts:3:30: error: Cannot read properties of null (reading 'length')\n" +
        '  export default { name: none!.length }\n',
    ],
    [
      'without a scheme',
      'export const mine = 1\n',
      'mine.ts:1:1: error: its default export must be a scheme: export default { name: ... }\n' +
        '  export const mine = 1\n',
    ],
    [
      'whose scheme lacks a member',
      "const mine = { name: 'mine', summary: '' }\nexport default mine\n",
      'mine.ts:2:1: error: the scheme\'s "options" is missing; it must be an object\n' +
        '  export default mine\n',
    ],
    [
      'whose member is something else',
      'export default { name: 5 }\n',
      'mine.ts:1:1: error: the scheme\'s "name" is a number; it must be a string\n' +
        '  export default { name: 5 }\n',
    ],
    [
      'whose options are no schema',
      "export default { name: 'mine', summary: '', options: {}, variant() {}, startHost() {} }\n",
      'mine.ts:1:1: error: the scheme\'s "options" must be a zod schema: z.strictObject({ ... })\n' +
        "  export default { name: 'mine', summary: '', options: {}, variant() {}, startHost() {} }\n",
    ],
  ])('%s', async (_, text, expected) => {
    expect(await complaint(text)).toBe(expected)
  })

  it('whose scheme has the name of another', async () => {
    const members = 'options: { safeParse() {} }, variant() {}, startHost() {}'
    expect(await complaint(`export default { name: 'flannel', summary: '', ${members} }\n`)).toBe(
      'mine.ts: error: there is a scheme "flannel" already; give it another name\n',
    )
  })

  it('that is not there', async () => {
    const { status, stderr } = await runHere('schema', '--scheme', 'nowhere.ts')
    expect([status, stderr]).toEqual([2, 'nowhere.ts: error: there is no such file\n'])
  })
})

/** Fenced blocks of a Markdown text. */
function blocks(text: string, language: string): string[] {
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))
  return [...found].map(([, block]) => block!)
}

/** Asserts that the lines stand in the output in this order, where `...` stands for any others. */
function expectInOrder(output: string, lines: string): void {
  const plain = (text: string) => text.replaceAll(/ +/g, ' ')
  let rest = plain(output)
  for (const part of lines.split(/^\.\.\.\n/m).filter((each) => each !== '')) {
    const at = rest.indexOf(plain(part))
    if (at < 0) expect(rest).toContain(plain(part))
    rest = rest.slice(at + plain(part).length)
  }
}

describe('a file that is right', () => {
  const page = readFileSync(join(ROOT, 'docs/writing-a-scheme.md'), 'utf8')
  let program: Program

  beforeAll(async () => {
    program = await Program.build()
    const text = blocks(page, 'ts').join('\n')
    program.file('gre.ts', text)
    program.file('broken.ts', text.replace('dev: TUNNEL', "dev: 'gre2'"))
    program.file('two-hosts.yaml', blocks(page, 'yaml')[0]!)
  })

  afterAll(() => program.remove())

  it('is what the page that builds one says, block by block', () => {
    expect(blocks(page, 'ts').join('\n')).toBe(GRE)
  })

  it.each(blocks(page, 'console').map((block) => [block.slice(2, block.indexOf('\n')), block]))(
    'does what the page shows: %s',
    (command, block) => {
      const [, , ...args] = command.split(' ')
      const { stdout, stderr } = program.run(...args)
      expectInOrder(stdout + stderr, block.slice(block.indexOf('\n') + 1))
    },
    120_000,
  )

  it('is swept by workers that load it too', () => {
    const vary = 'networks.app.blockLength=28'
    const args = ['two-hosts.yaml', '--vary', vary, '--scheme', 'gre.ts', '--jobs', '1']
    const { status, stdout } = program.run('sweep', ...args)
    expect(status).toBe(0)
    expect(stdout).toContain('networks.app.blockLength')
  })

  it('has its options in the JSON Schema, and its faults where they stand', () => {
    const schema = program.run('schema', '--scheme', 'gre.ts')
    expect(schema.stdout).toContain('Prefix length of the block of a host.')
    const crowded = blocks(page, 'yaml')[0]!.replace(
      '{ scheme: gre }',
      '{ scheme: gre, subnet: 10.98.0.0/24 }',
    )
    program.file('crowded.yaml', crowded)
    const { status, stderr } = program.run('validate', 'crowded.yaml', '--scheme', 'gre.ts')
    expect(status).toBe(2)
    expect(stderr).toContain('the subnet has 0 blocks of /24 for 2 hosts')
    expect(stderr).toMatch(/crowded\.yaml:4:\d+: error/)
  })
})
