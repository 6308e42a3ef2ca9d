//! The values of all metrics, and the page that each service shows of them.
//!
//! What it never does: decide what a value is. A handle is taken once and counts without looking anything up; a page is
//! what the service's registry gathers, so that a metric stands on the page of its home and nowhere else, the common ones
//! on every page with the service as label.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::catalogue::{CounterName, Entry, GaugeName, HistogramName, Home, Kind, Origin};
use super::service::Service;

/// The label of what is not in the configuration.
pub const OTHER: &str = "other";

/// Why metrics cannot be had: the catalogue contradicts itself, which tests exclude.
#[derive(Debug, thiserror::Error)]
#[error("the metric {name} cannot be used so")]
pub struct MetricsError {
    /// The metric, or the page.
    name: &'static str,
    /// What the library says.
    #[source]
    source: prometheus::Error,
}

/// All metrics of a process. Clones share the values.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    counters: Vec<IntCounterVec>,
    gauges: Vec<GaugeVec>,
    histograms: Vec<HistogramVec>,
    pages: Vec<Registry>,
    union: Registry,
    common: Vec<CommonHandles>,
    symbols: BTreeSet<String>,
    held: AtomicBool,
}

/// What every service exports.
#[derive(Clone)]
pub struct CommonHandles {
    /// `service_up`.
    pub up: Gauge,
    /// `service_ready`.
    pub ready: Gauge,
    /// `service_backlog`.
    pub backlog: Gauge,
    /// `service_heartbeat_timestamp_seconds`.
    pub heartbeat: Gauge,
    /// `service_restarts_total`.
    pub restarts: IntCounter,
}

impl Metrics {
    /// All metrics at zero. Symbols other than these are counted as [`OTHER`].
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn new(symbols: impl IntoIterator<Item = String>) -> Result<Self, MetricsError> {
        let mut shelf = Shelf { pages: Service::ALL.map(|_| Registry::new()).into(), union: Registry::new() };
        let counters = CounterName::ALL.iter().map(|name| {
            let entry = name.entry();
            shelf.put(entry, IntCounterVec::new(Opts::new(entry.name, entry.help), entry.labels))
        });
        let counters: Vec<_> = counters.collect::<Result<_, _>>()?;
        let gauges = GaugeName::ALL.iter().map(|name| {
            let entry = name.entry();
            shelf.put(entry, GaugeVec::new(Opts::new(entry.name, entry.help), entry.labels))
        });
        let gauges: Vec<_> = gauges.collect::<Result<_, _>>()?;
        let histograms = HistogramName::ALL.iter().map(|name| {
            let entry = name.entry();
            shelf.put(entry, HistogramVec::new(histogram_opts(entry), entry.labels))
        });
        let histograms: Vec<_> = histograms.collect::<Result<_, _>>()?;
        let common = common(&shelf.pages, &counters, &gauges)?;
        let symbols = symbols.into_iter().collect();
        let held = AtomicBool::new(false);
        let Shelf { pages, union } = shelf;
        let metrics =
            Self { inner: Arc::new(Inner { counters, gauges, histograms, pages, union, common, symbols, held }) };
        metrics.show_unlabelled()?;
        Ok(metrics)
    }

    /// The handle of a counter with these labels.
    ///
    /// # Errors
    /// [`MetricsError`] when the labels are not as many as the catalogue says.
    pub fn counter(&self, name: CounterName, labels: &[&str]) -> Result<IntCounter, MetricsError> {
        child(name.entry(), self.inner.counters.get(name as usize), |family| {
            family.get_metric_with_label_values(labels)
        })
    }

    /// The handle of a gauge with these labels.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn gauge(&self, name: GaugeName, labels: &[&str]) -> Result<Gauge, MetricsError> {
        child(name.entry(), self.inner.gauges.get(name as usize), |family| family.get_metric_with_label_values(labels))
    }

    /// The handle of a histogram with these labels.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn histogram(&self, name: HistogramName, labels: &[&str]) -> Result<Histogram, MetricsError> {
        child(name.entry(), self.inner.histograms.get(name as usize), |family| {
            family.get_metric_with_label_values(labels)
        })
    }

    /// What a service exports like every other.
    pub fn common(&self, service: Service) -> Option<&CommonHandles> {
        self.inner.common.get(service.index())
    }

    /// The label of a symbol: itself when it is configured, else [`OTHER`].
    pub fn symbol_label<'a>(&self, symbol: &'a str) -> &'a str {
        if self.inner.symbols.contains(symbol) { symbol } else { OTHER }
    }

    /// The counters are on their way to where the tape is: no page should be shown.
    pub fn hold(&self) {
        self.inner.held.store(true, Ordering::Release);
    }

    /// The counters are where the tape is.
    pub fn release(&self) {
        self.inner.held.store(false, Ordering::Release);
    }

    /// Whether no page should be shown.
    pub fn is_held(&self) -> bool {
        self.inner.held.load(Ordering::Acquire)
    }

    /// The page of a service.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn page(&self, service: Service) -> Result<String, MetricsError> {
        self.inner.pages.get(service.index()).map_or_else(|| Ok(String::new()), |page| text(service.name(), page))
    }

    /// Every metric on one page, for people.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn union(&self) -> Result<String, MetricsError> {
        text("all", &self.inner.union)
    }

    /// Forgets the values of all metrics of an origin: their handles count for nobody from now on, new ones begin at zero.
    pub(super) fn forget(&self, origin: Origin) {
        let Inner { counters, gauges, histograms, .. } = &*self.inner;
        let of = |entry: Entry| entry.origin == origin;
        CounterName::ALL.iter().zip(counters).filter(|(name, _)| of(name.entry())).for_each(|(_, it)| it.reset());
        GaugeName::ALL.iter().zip(gauges).filter(|(name, _)| of(name.entry())).for_each(|(_, it)| it.reset());
        HistogramName::ALL.iter().zip(histograms).filter(|(name, _)| of(name.entry())).for_each(|(_, it)| it.reset());
    }

    /// Shows a gauge's value, or takes it off the page.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub(super) fn show(&self, name: GaugeName, labels: &[&str], value: Option<f64>) -> Result<(), MetricsError> {
        if let Some(value) = value {
            self.gauge(name, labels)?.set(value);
        } else if let Some(family) = self.inner.gauges.get(name as usize) {
            // What is not on the page cannot be taken off it, and need not be.
            let _ = family.remove_label_values(labels);
        }
        Ok(())
    }

    /// A metric without labels stands on its page from the beginning, at zero.
    fn show_unlabelled(&self) -> Result<(), MetricsError> {
        for name in CounterName::ALL.iter().filter(|name| name.entry().labels.is_empty()) {
            self.counter(*name, &[])?;
        }
        let shown = |name: &&GaugeName| name.entry().labels.is_empty() && !name.may_be_absent();
        for name in GaugeName::ALL.iter().filter(shown) {
            self.gauge(*name, &[])?;
        }
        for name in HistogramName::ALL.iter().filter(|name| name.entry().labels.is_empty()) {
            self.histogram(*name, &[])?;
        }
        Ok(())
    }
}

/// The registries while they are filled.
struct Shelf {
    pages: Vec<Registry>,
    union: Registry,
}

impl Shelf {
    /// Registers a family at its home and in the union. The common ones go to the pages later, a child to each.
    fn put<C: Collector + Clone + 'static>(
        &mut self,
        entry: Entry,
        made: prometheus::Result<C>,
    ) -> Result<C, MetricsError> {
        let registered = made.and_then(|family| {
            self.union.register(Box::new(family.clone()))?;
            if let Home::Of(service) = entry.home
                && let Some(page) = self.pages.get(service.index())
            {
                page.register(Box::new(family.clone()))?;
            }
            Ok(family)
        });
        registered.map_err(|source| MetricsError { name: entry.name, source })
    }
}

fn histogram_opts(entry: Entry) -> HistogramOpts {
    let opts = HistogramOpts::new(entry.name, entry.help);
    match entry.kind {
        Kind::Histogram(buckets) => opts.buckets(buckets.bounds().to_vec()),
        Kind::Counter | Kind::Gauge => opts,
    }
}

/// The children of the common metrics, each on the page of its service.
fn common(
    pages: &[Registry],
    counters: &[IntCounterVec],
    gauges: &[GaugeVec],
) -> Result<Vec<CommonHandles>, MetricsError> {
    let each = Service::ALL.iter().zip(pages).map(|(service, page)| {
        let labels = [service.name()];
        let gauge = |name: GaugeName| {
            let made = child(name.entry(), gauges.get(name as usize), |f| f.get_metric_with_label_values(&labels))?;
            shown(name.entry(), page, made)
        };
        let name = CounterName::Restarts;
        let made = child(name.entry(), counters.get(name as usize), |f| f.get_metric_with_label_values(&labels))?;
        Ok(CommonHandles {
            up: gauge(GaugeName::Up)?,
            ready: gauge(GaugeName::Ready)?,
            backlog: gauge(GaugeName::Backlog)?,
            heartbeat: gauge(GaugeName::Heartbeat)?,
            restarts: shown(name.entry(), page, made)?,
        })
    });
    each.collect()
}

fn shown<C: Collector + Clone + 'static>(entry: Entry, page: &Registry, child: C) -> Result<C, MetricsError> {
    page.register(Box::new(child.clone())).map_err(|source| MetricsError { name: entry.name, source })?;
    Ok(child)
}

fn child<F, C>(
    entry: Entry,
    family: Option<&F>,
    take: impl FnOnce(&F) -> prometheus::Result<C>,
) -> Result<C, MetricsError> {
    let missing = || prometheus::Error::Msg("the catalogue has no such place".to_owned());
    family.ok_or_else(missing).and_then(take).map_err(|source| MetricsError { name: entry.name, source })
}

fn text(name: &'static str, registry: &Registry) -> Result<String, MetricsError> {
    TextEncoder::new().encode_to_string(&registry.gather()).map_err(|source| MetricsError { name, source })
}
