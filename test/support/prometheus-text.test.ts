import { describe, expect, test } from 'vitest';
import { parsePrometheusText, sampleOf, samplesOf } from './prometheus-text.ts';

const gauge = '# HELP g Some help.\n# TYPE g gauge\n';
const histogram = '# HELP h Some help.\n# TYPE h histogram\n';

describe('the parser reads', () => {
  test('labels with escapes, numbers in every form', () => {
    const families = parsePrometheusText(
      `${gauge}g{a="x\\"y\\\\z\\n,}",b=""} 1.5e-3\ng NaN\ng{a="i"} +Inf\n`,
    );
    expect(samplesOf(families, 'g')[0]).toEqual({
      name: 'g',
      labels: { a: 'x"y\\z\n,}', b: '' },
      value: 0.0015,
    });
    expect(sampleOf(families, 'g', { a: 'i' })).toBe(Infinity);
  });

  test('histograms with their suffixes', () => {
    const families = parsePrometheusText(
      `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4.5\nh_count 3\n`,
    );
    expect(sampleOf(families, 'h_count')).toBe(3);
  });
});

describe('the parser refuses', () => {
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['a sample without a family', 'g 1\n', /before any HELP/],
    ['a family without HELP', '# TYPE g gauge\ng 1\n', /no HELP/],
    ['a family without TYPE', '# HELP g x\ng 1\n', /no TYPE/],
    [
      'a family in two places',
      `${gauge}g 1\n# HELP f x\n# TYPE f gauge\nf 1\n${gauge}`,
      /two places/,
    ],
    ['a sample of another family', `${gauge}f 1\n`, /not of the family/],
    ['a sample twice', `${gauge}g{a="1",b="2"} 1\ng{b="2",a="1"} 2\n`, /twice/],
    ['a label twice', `${gauge}g{a="1",a="2"} 1\n`, /label a twice/],
    ['malformed labels', `${gauge}g{a=1} 1\n`, /malformed labels/],
    ['malformed values', `${gauge}g 0x10\n`, /malformed value/],
    ['a text cut short', `${gauge}g 1`, /does not end/],
    ['a counter below zero', '# HELP c x\n# TYPE c counter\nc -1\n', /below zero/],
    [
      'buckets that fall',
      `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
      /do not rise/,
    ],
    [
      'a histogram without +Inf',
      `${histogram}h_bucket{le="1"} 2\nh_sum 1\nh_count 2\n`,
      /no bucket \+Inf/,
    ],
    ['a count that differs', `${histogram}h_bucket{le="+Inf"} 2\nh_sum 1\nh_count 3\n`, /differ/],
    ['a histogram without a sum', `${histogram}h_bucket{le="+Inf"} 2\nh_count 2\n`, /no sum/],
  ];
  test.each(wrong)('%s', (_, text, message) => {
    expect(() => parsePrometheusText(text)).toThrow(message);
  });
});
