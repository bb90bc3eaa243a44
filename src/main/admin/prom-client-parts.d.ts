/** prom-client has types for its index only, which loads all of it. */
declare module 'prom-client/lib/counter.js' {
  // biome-ignore lint/style/noDefaultExport: it is how prom-client exports it
  export { Counter as default } from 'prom-client';
}
declare module 'prom-client/lib/gauge.js' {
  // biome-ignore lint/style/noDefaultExport: it is how prom-client exports it
  export { Gauge as default } from 'prom-client';
}
declare module 'prom-client/lib/registry.js' {
  // biome-ignore lint/style/noDefaultExport: it is how prom-client exports it
  export { Registry as default } from 'prom-client';
}
