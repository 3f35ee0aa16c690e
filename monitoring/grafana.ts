/**
 * Grafana's JSON of a dashboard's description (Grafana 11 and later), by Grafana's own typed builders.
 * Every panel takes its data source from the variable, so that nothing names an installation.
 */
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Dashboard as GrafanaDashboard,
  type Panel as GrafanaPanel,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Dashboard, Panel, Query } from './description.ts';

/** Of Grafana 11.0; later ones migrate it as they load it. */
const schemaVersion = 39;
/** As Grafana interpolates it. */
const variable = (name: string) => `\${${name}}`;
const source = { type: 'prometheus', uid: variable('datasource') };
const tag = 'turnstream';
const clicked = variable('__field.labels.projection');
const projectionUrl = `/d/turnstream-projection?var-projection=${clicked}&${[
  'datasource:queryparam',
  'namespace:queryparam',
  '__url_time_range',
]
  .map(variable)
  .join('&')}`;

/** Heights in Grafana's rows of 30 pixels. */
const statHeight = 4;
const graphHeight = 8;

export function grafanaJson(dashboard: Dashboard): string {
  return `${JSON.stringify(grafanaDashboard(dashboard), null, 2)}\n`;
}

function grafanaDashboard(described: Dashboard): GrafanaDashboard {
  const builder = new DashboardBuilder(described.title)
    .uid(described.uid)
    .description(described.description)
    .tags([tag])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Turnstream')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(false)
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(
      labelVariable('namespace', 'turnstream_source_polls_total')
        .label('Namespace')
        .multi(true)
        .includeAll(true)
        // Where targets have no such label, too.
        .allValue('.*')
        .current({ text: 'All', value: '$__all' }),
    );
  if (described.ofOneProjection) {
    const of = 'turnstream_events_total{namespace=~"$namespace"}';
    builder.withVariable(labelVariable('projection', of).label('Projection'));
  }
  for (const row of described.rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(builderOf(panel));
  }
  const dashboard = builder.build();
  const panels = (dashboard.panels ?? []).map((panel, index) => ({ ...panel, id: index + 1 }));
  return { ...dashboard, schemaVersion, annotations: { list: [] }, panels };
}

function labelVariable(label: string, metric: string): QueryVariableBuilder {
  return new QueryVariableBuilder(label)
    .datasource(source)
    .query(`label_values(${metric}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

function builderOf(panel: Panel): { build(): GrafanaPanel } {
  switch (panel.kind) {
    case 'stat':
      return statOf(panel);
    case 'heatmap':
      return heatmapOf(panel);
    case 'lines':
    case 'stacked':
      return timeseriesOf(panel);
  }
}

function statOf(panel: Panel): StatBuilder {
  const builder = new StatBuilder()
    .height(statHeight)
    .thresholds(thresholdsOf(panel))
    .colorMode(panel.limits === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
  return withCommon(builder.unit(panel.unit), panel, 'time_series');
}

function heatmapOf(panel: Panel): HeatmapBuilder {
  const builder = new HeatmapBuilder()
    .height(graphHeight)
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(panel.unit));
  return withCommon(builder, panel, 'heatmap');
}

function timeseriesOf(panel: Panel): TimeseriesBuilder {
  const stacked = panel.kind === 'stacked';
  const builder = new TimeseriesBuilder()
    .height(graphHeight)
    .unit(panel.unit)
    .axisSoftMin(0)
    .fillOpacity(stacked ? 40 : 8)
    .lineWidth(1)
    .stacking(
      new StackingConfigBuilder()
        .mode(stacked ? StackingMode.Normal : StackingMode.None)
        .group('A'),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['mean', 'max', 'lastNotNull']),
    );
  if (panel.limits !== undefined) {
    builder
      .thresholds(thresholdsOf(panel))
      .thresholdsStyle(
        new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed),
      );
  }
  if (panel.linksToProjection === true) {
    builder.dataLinks([new DashboardLinkBuilder(`${clicked} in depth`).url(projectionUrl)]);
  }
  return withCommon(builder, panel, 'time_series');
}

/** What every kind of panel has; the builders share it without a common type of their own. */
function withCommon<Builder extends CommonBuilder>(
  builder: Builder,
  panel: Panel,
  format: 'time_series' | 'heatmap',
): Builder {
  builder.title(panel.title).description(panel.description).span(panel.width).datasource(source);
  if (panel.emptyMeans !== undefined) builder.noValue(panel.emptyMeans);
  for (const [index, query] of panel.queries.entries()) {
    builder.withTarget(targetOf(query, String.fromCharCode(65 + index), format));
  }
  return builder;
}

type CommonBuilder = {
  title(title: string): CommonBuilder;
  description(description: string): CommonBuilder;
  span(columns: number): CommonBuilder;
  datasource(ref: typeof source): CommonBuilder;
  noValue(text: string): CommonBuilder;
  withTarget(target: DataqueryBuilder): CommonBuilder;
};

function targetOf(query: Query, refId: string, format: 'time_series' | 'heatmap') {
  return new DataqueryBuilder()
    .datasource(source)
    .refId(refId)
    .expr(query.expr)
    .legendFormat(query.legend)
    .range()
    .format(format === 'heatmap' ? PromQueryFormat.Heatmap : PromQueryFormat.TimeSeries);
}

function thresholdsOf({ limits }: Panel): ThresholdsConfigBuilder {
  const steps: { value: number | null; color: string }[] = [{ value: null, color: 'green' }];
  if (limits?.orange !== undefined) steps.push({ value: limits.orange, color: 'orange' });
  if (limits?.red !== undefined) steps.push({ value: limits.red, color: 'red' });
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}
