/**
 * What a PromQL expression names, by Prometheus' own grammar: its metrics with their matchers, and the
 * labels that it groups and joins by, each with the metrics below. Grafana's variables are filled in.
 */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

export type Matcher = { readonly label: string; readonly operator: string; readonly value: string };

export type Selector = {
  /** More than one when `__name__` is matched by alternatives. */
  readonly metrics: readonly string[];
  readonly matchers: readonly Matcher[];
};

/** Labels that must each be one of what the metrics have. */
export type Grouping = {
  readonly labels: readonly string[];
  readonly metrics: readonly string[];
};

export type Named = {
  readonly selectors: readonly Selector[];
  readonly groupings: readonly Grouping[];
};

/** As Grafana would: all namespaces, all projections, a short interval. */
export function filledIn(expr: string, rateInterval = '1m'): string {
  return expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('="$projection"', '=~".+"')
    .replaceAll('$namespace', '.*');
}

/** Throws on what is no PromQL. */
export function namedIn(expr: string): Named {
  const text = (node: SyntaxNode) => expr.slice(node.from, node.to);
  const selectors: Selector[] = [];
  const groupings: Grouping[] = [];
  const metricsBelow = (node: SyntaxNode) =>
    descendants(node, 'VectorSelector').flatMap((each) => selectorOf(each, text).metrics);
  parser.parse(expr).iterate({
    enter: ({ node, type }) => {
      if (type.isError) {
        throw new Error(`no PromQL at “${expr.slice(node.from, node.from + 30)}” of ${expr}`);
      }
      if (type.name === 'VectorSelector') selectors.push(selectorOf(node, text));
      if (type.name === 'AggregateModifier' && node.parent !== null) {
        groupings.push({ labels: labelsIn(node, text), metrics: metricsBelow(node.parent) });
      }
      if (type.name === 'MatchingModifierClause' && node.parent !== null) {
        // Both sides have to have them.
        for (const side of [node.parent.firstChild, node.parent.lastChild]) {
          if (side === null) throw new Error(`an operator without operands in ${expr}`);
          groupings.push({ labels: labelsIn(node, text), metrics: metricsBelow(side) });
        }
      }
    },
  });
  return { selectors, groupings };
}

type Text = (node: SyntaxNode) => string;

function selectorOf(node: SyntaxNode, text: Text): Selector {
  const matchers = descendants(node, 'UnquotedLabelMatcher').map((matcher) => {
    const part = (name: string) => text(matcher.getChild(name) ?? matcher);
    const value = JSON.parse(part('StringLiteral')) as string;
    return { label: part('LabelName'), operator: part('MatchOp'), value };
  });
  const identifier = node.getChild('Identifier');
  const byName = matchers.find(({ label }) => label === '__name__')?.value.split('|') ?? [];
  return {
    metrics: identifier === null ? byName : [text(identifier)],
    matchers: matchers.filter(({ label }) => label !== '__name__'),
  };
}

const labelsIn = (node: SyntaxNode, text: Text) => descendants(node, 'LabelName').map(text);

function descendants(node: SyntaxNode, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  node.cursor().iterate((each) => {
    if (each.name === name) found.push(each.node);
  });
  return found;
}
