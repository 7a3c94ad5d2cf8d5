import { AXIS_LINE, LABEL, NAME, SPLIT_LINE } from './axis-option.ts'
import type { ValueAxis } from './chart.ts'
import { ownText, plainNumber } from './scale.ts'

/** The axis along which values stand. */
export function valueAxis({ title, scale, isLogarithmic }: ValueAxis) {
  return {
    type: isLogarithmic ? 'log' : 'value',
    name: isLogarithmic || scale.name === '' ? title : `${title}, ${scale.name}`,
    // There are no halves of what is counted.
    ...(scale.unit === 'count' ? { minInterval: 1 } : {}),
    nameLocation: 'middle',
    nameGap: 60,
    nameTextStyle: NAME,
    // At the left, even where zero (of a logarithm: one) lies within the other axis.
    axisLine: { ...AXIS_LINE, onZero: false },
    axisTick: { show: true },
    splitLine: SPLIT_LINE,
    axisLabel: {
      ...LABEL,
      formatter: (value: number) =>
        isLogarithmic ? ownText(value * scale.size, scale.unit) : plainNumber(value, 6),
    },
  }
}
