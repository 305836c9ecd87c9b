import type { AlertCase } from './case.ts';

export const sheets: Record<string, AlertCase> = {
  RowsTooOld: {
    fires: {
      series: {
        'formbus_buffer_oldest_row_age_seconds{sheet="s"}': '0+60x30',
        'formbus_buffer_oldest_row_age_seconds{sheet="other"}': '30x30',
      },
      at: '20m',
      labels: { sheet: 's' },
    },
    silent: { series: { 'formbus_buffer_oldest_row_age_seconds{sheet="s"}': '840x30' }, at: '20m' },
  },
  SheetParked: {
    fires: {
      series: { 'formbus_sheet_parked{sheet="s",tab="form",reason="400"}': '1x20' },
      at: '10m',
      labels: { sheet: 's', tab: 'form', reason: '400' },
    },
    silent: { series: { 'formbus_sheet_parked{sheet="s",reason="403"}': '1x3' }, at: '12m' },
  },
  RowsRefused: {
    fires: { series: { 'formbus_refused_rows{sheet="s"}': '0x5 2x10' }, at: '8m', labels: { sheet: 's' } },
    silent: { series: { 'formbus_refused_rows{sheet="s"}': '2x5 0x10' }, at: '8m' },
  },
  QuotaExhausted: {
    fires: {
      series: { 'formbus_sheets_calls_total{method="batchUpdate",code="429"}': '0+5x120' },
      at: '80m',
      labels: {},
    },
    silent: {
      series: {
        'formbus_sheets_calls_total{method="batchUpdate",code="429"}': '0+5x10 50x110',
        'formbus_sheets_calls_total{method="batchUpdate",code="200"}': '0+30x120',
      },
      at: '80m',
    },
  },
};
