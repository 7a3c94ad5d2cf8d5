import type { RouteCommand } from '../../src/host/commands.ts'
import type { Host } from '../../src/host/host.ts'
import { formatIpv4, formatPrefix } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'

/**
 * What a daemon types on a host from now on, as an administrator would: every command is still carried
 * out. Of rules only the tables are named.
 */
export function recordCommands(host: Host): string[] {
  const typed: string[] = []
  const { link, addr, route, neigh, fdb, iptables } = host.commands
  spy(link, 'add', ({ name, type }) => typed.push(`ip link add ${name} type ${type}`))
  spy(link, 'up', (name) => typed.push(`ip link set ${name} up`))
  spy(addr, 'add', (address, dev) => {
    const text = typeof address === 'string' ? address : interfaceAddress(address)
    typed.push(`ip addr add ${text} dev ${dev}`)
  })
  spy(route, 'replace', (command) => typed.push(`ip route replace ${routeText(command)}`))
  spy(neigh, 'replace', ({ dst, lladdr, dev, nud }) =>
    typed.push(
      `ip neigh replace ${formatIpv4(dst)} lladdr ${formatMac(lladdr)} dev ${dev} nud ${nud}`,
    ),
  )
  spy(neigh, 'delete', (dst, dev) => typed.push(`ip neigh del ${formatIpv4(dst)} dev ${dev}`))
  spy(fdb, 'replace', ({ lladdr, dev, dst }) =>
    typed.push(`bridge fdb replace ${formatMac(lladdr)} dev ${dev} dst ${formatIpv4(dst)}`),
  )
  spy(fdb, 'delete', (lladdr, dev, dst) =>
    typed.push(`bridge fdb del ${formatMac(lladdr)} dev ${dev} dst ${formatIpv4(dst)}`),
  )
  spy(iptables, 'restore', (text) => {
    for (const [table] of text.matchAll(/^\*\w+/gm)) typed.push(`iptables-restore ${table}`)
  })
  return typed
}

type Command = (...args: never[]) => unknown

/** Puts `note` before a command; the command's result and errors are its own. */
function spy<Group extends { [key in Key]: Command }, Key extends keyof Group>(
  group: Group,
  key: Key,
  note: (...args: Parameters<Group[Key]>) => void,
): void {
  const original = group[key].bind(group) as Group[Key]
  group[key] = ((...args: Parameters<Group[Key]>) => {
    note(...args)
    return (original as (...given: typeof args) => unknown)(...args)
  }) as unknown as Group[Key]
}

function interfaceAddress({ address, length }: { address: number; length: number }): string {
  return `${formatIpv4(address)}/${length}`
}

function routeText({ dst, via, dev, flags = [] }: RouteCommand): string {
  const gateway = via === undefined ? '' : ` via ${formatIpv4(via)}`
  const device = dev === undefined ? '' : ` dev ${dev}`
  return `${formatPrefix(dst)}${gateway}${device}${flags.map((flag) => ` ${flag}`).join('')}`
}
