import { chainName } from './names.ts'

/** Names of Felix's chains (felix/rules/rule_defs.go), as prefixes of those that belong to something. */
export const WORKLOAD_TO = 'cali-tw-'
export const WORKLOAD_FROM = 'cali-fw-'
export const HOST_TO = 'cali-th-'
export const HOST_FROM = 'cali-fh-'
export const HOST_TO_FORWARD = 'cali-thfw-'
export const HOST_FROM_FORWARD = 'cali-fhfw-'

export const FROM_WORKLOAD_DISPATCH = 'cali-from-wl-dispatch'
export const TO_WORKLOAD_DISPATCH = 'cali-to-wl-dispatch'
export const FROM_HOST_ENDPOINT = 'cali-from-host-endpoint'
export const TO_HOST_ENDPOINT = 'cali-to-host-endpoint'
export const FROM_HOST_FORWARD = 'cali-from-hep-forward'
export const TO_HOST_FORWARD = 'cali-to-hep-forward'
export const FAILSAFE_IN = 'cali-failsafe-in'
export const FAILSAFE_OUT = 'cali-failsafe-out'
export const WORKLOAD_TO_HOST = 'cali-wl-to-host'

export type Direction = 'ingress' | 'egress'

export function policyChain(direction: Direction, id: string): string {
  return chainName(direction === 'ingress' ? 'cali-pi-' : 'cali-po-', id)
}

export function profileChain(direction: Direction, name: string): string {
  return chainName(direction === 'ingress' ? 'cali-pri-' : 'cali-pro-', name)
}

export function endpointChain(prefix: string, device: string): string {
  return chainName(prefix, device)
}
