// What our dashboard may be, by Grafana's own types; a test writes the dashboard behind them and has it compiled.
import type * as common from "@grafana/schema";
import type { Options as StatOptions } from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type {
  FieldConfig as TimeSeriesField,
  Options as TimeSeriesOptions,
} from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";
// The last version of the package that has the queries of Prometheus: since then they are in the data source alone.
import type { PrometheusDataQuery } from "grafana-queries/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen";

// JSON has the values of enumerations, and not their names.
type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Plain<Item>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// Of a panel Grafana's types say only that it has some options, fields and queries; which ones is said by its kind.
type Of<Kind extends string, Options, Field> = Plain<
  Omit<common.Panel, "type" | "options" | "fieldConfig" | "targets"> & {
    id: number;
    title: string;
    gridPos: common.GridPos;
    type: Kind;
    options: Options;
    fieldConfig: { defaults: Omit<common.FieldConfig, "custom"> & { custom?: Field }; overrides: Overrides };
    targets: Array<PrometheusDataQuery & { datasource: common.DataSourceRef }>;
  }
>;
type Overrides = common.FieldConfigSource["overrides"];
type Panel = Of<"timeseries", TimeSeriesOptions, TimeSeriesField> | Of<"stat", StatOptions, never>;
type Row = Plain<Omit<common.RowPanel, "panels">> & { panels: Panel[] };

// What the data source of Prometheus reads of an annotation beside its query.
type Annotation = Plain<Omit<common.AnnotationQuery, "target">> & {
  target: Plain<PrometheusDataQuery>;
  step: string;
  titleFormat: string;
  textFormat: string;
};

export type Board = Plain<Omit<common.Dashboard, "panels" | "annotations">> & {
  panels: Array<Panel | Row>;
  annotations: { list: Annotation[] };
};
