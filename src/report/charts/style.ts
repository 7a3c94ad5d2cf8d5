/**
 * Colours and letters of all charts. A white ground of its own: they read on a dark page, too. No two are
 * the same: a page puts its own colour in the place of each (`inline.ts`).
 */
export const GROUND = '#ffffff'
export const INK = '#1f2430'
export const SOFT_INK = '#5b6370'
/** A place where nothing was run. */
export const NO_VALUE = '#f1f2f4'
export const GRID_LINE = '#e3e6ea'
/** Of what happened meanwhile. */
export const SHADE = '#e69f02'
/** Names without blanks: the renderer writes them into an attribute as they are. */
export const FONT = 'Helvetica, Arial, sans-serif'

/** Told apart by those who see few colours as well, after Okabe and Ito; no yellow on white. */
export const SERIES_COLORS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#56b4e9',
  '#e69f00',
  '#4d4d4d',
] as const

/** Parts of one whole, in the order in which they lie beside each other: neighbours differ in lightness. */
export const PART_COLORS = [
  '#0072b3',
  '#8cc5e8',
  '#00785a',
  '#7fd3b5',
  '#b34e00',
  '#f3a76b',
  '#8a4a73',
  '#dba6c6',
  '#6b6f7a',
  '#b8bcc4',
] as const

export const SPAN_COLORS = { fault: '#e69f01', outage: '#c1272d', leader: '#0072b4' } as const

/** Lines that lie on each other are still seen by their marks. */
export const SERIES_SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'] as const

/** From little to much; even in lightness, so that it reads in grey. */
export const HEAT_COLORS = [
  '#fff7e0',
  '#fdc77a',
  '#ee7b51',
  '#b8305f',
  '#5b1a6b',
  '#20114b',
] as const

/** Letters on the colours of a heat map. */
export const ON_LIGHT = '#1f2431'
export const ON_DARK = '#fffffe'
