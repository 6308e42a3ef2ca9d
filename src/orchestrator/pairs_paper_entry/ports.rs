//! The registry of ports: where each service is found, bound before anything else starts.
//!
//! What it never does: serve. All ports are had, or none: an occupied one is told with its service and its key of
//! `[ports]`, and whatever was bound is let go. Who calls it: `run`, and whatever needs to know where a service is.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::monitoring::metrics::Service;
use crate::orchestrator::config::PortsConfig;

/// The ports of all services, bound.
pub struct Ports {
    bound: Vec<(Service, TcpListener)>,
    addresses: Addresses,
}

/// Where each service is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    each: Vec<(Service, SocketAddr)>,
}

/// Why ports cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// Some cannot be bound: every one is told.
    #[error("{}", Listed(.0))]
    Taken(Vec<TakenPort>),
    /// Two services want the same one.
    #[error("{one} and {other} of [ports] are both {port}: give one of them another port, or 0 for any free one")]
    Twice {
        /// The port.
        port: u16,
        /// The key that comes first.
        one: &'static str,
        /// The other key.
        other: &'static str,
    },
    /// The file of scrape targets cannot be written.
    #[error("the scrape targets cannot be written to {}", path.display())]
    Targets {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A port that cannot be bound.
#[derive(Debug)]
pub struct TakenPort {
    /// Whose it is to be.
    pub service: Service,
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

struct Listed<'a>(&'a [TakenPort]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, taken) in self.0.iter().enumerate() {
            let TakenPort { service, address, source } = taken;
            let name = service.name();
            let separator = if place == 0 { "" } else { "\n  " };
            write!(f, "{separator}{address} cannot be bound for {name} ({source})")?;
            let what_to_do = if source.kind() == io::ErrorKind::AddrInUse {
                format!("end whoever holds it, or set {name} of [ports] to another port, or to 0 for any free one")
            } else if source.kind() == io::ErrorKind::PermissionDenied {
                format!("set {name} of [ports] to a port from 1024 on")
            } else {
                "bind of [ports] must be an address of this host".to_owned()
            };
            write!(f, ": {what_to_do}")?;
        }
        Ok(())
    }
}

/// The port that the configuration gives a service.
pub const fn configured(config: &PortsConfig, service: Service) -> u16 {
    match service {
        Service::Appliance => config.appliance,
        Service::ZerodhaWs => config.zerodha_ws,
        Service::BarBuilder1s => config.bar_builder_1s,
        Service::BarAggregator1m => config.bar_aggregator_1m,
        Service::BarAggregator1mToMulti => config.bar_aggregator_1m_to_multi,
        Service::PairWatchProducer => config.pair_watch_producer,
        Service::PairsExecutor => config.pairs_executor,
        Service::RiskManager => config.risk_manager,
        Service::PaperMatcher => config.paper_matcher,
        Service::ReconExporter => config.recon_exporter,
    }
}

impl Ports {
    /// Binds them all.
    ///
    /// # Errors
    /// [`PortsError::Twice`], or [`PortsError::Taken`] with every one that cannot be had; nothing is left bound then.
    pub fn bind(config: &PortsConfig) -> Result<Self, PortsError> {
        check_distinct(config)?;
        let (mut bound, mut each, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for service in Service::ALL {
            let address = SocketAddr::new(config.bind, configured(config, service));
            match listen(address) {
                Ok((listener, address)) => {
                    bound.push((service, listener));
                    each.push((service, address));
                }
                Err(source) => taken.push(TakenPort { service, address, source }),
            }
        }
        if taken.is_empty() { Ok(Self { bound, addresses: Addresses { each } }) } else { Err(PortsError::Taken(taken)) }
    }

    /// Where they are.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The listeners, not blocking.
    pub(super) fn into_parts(self) -> (Vec<(Service, TcpListener)>, Addresses) {
        (self.bound, self.addresses)
    }
}

fn check_distinct(config: &PortsConfig) -> Result<(), PortsError> {
    for (place, service) in Service::ALL.iter().enumerate() {
        let port = configured(config, *service);
        let twin = Service::ALL.iter().skip(place + 1).find(|other| configured(config, **other) == port);
        if let Some(twin) = twin.filter(|_| port != 0) {
            return Err(PortsError::Twice { port, one: service.name(), other: twin.name() });
        }
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Addresses {
    /// The ports of a configuration without binding them, for what is generated ahead of a run.
    pub fn of(config: &PortsConfig) -> Self {
        let each = Service::ALL.iter().map(|one| (*one, SocketAddr::new(config.bind, configured(config, *one))));
        Self { each: each.collect() }
    }

    /// Each service and its address.
    pub fn iter(&self) -> impl Iterator<Item = (Service, SocketAddr)> + '_ {
        self.each.iter().copied()
    }

    /// The address of a service.
    pub fn get(&self, service: Service) -> Option<SocketAddr> {
        self.iter().find(|(one, _)| *one == service).map(|(_, address)| address)
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (service, address) in self.iter() {
            text.push_str(&format!("{:<26} http://{:<22} {}\n", service.name(), reachable(address), service.about()));
        }
        text
    }

    /// `{"appliance":"http://127.0.0.1:8110", …}`, for scripts.
    pub fn json(&self) -> serde_json::Value {
        let each = self.iter().map(|(service, address)| {
            (service.name().to_owned(), serde_json::Value::from(format!("http://{}", reachable(address))))
        });
        serde_json::Value::Object(each.collect())
    }

    /// Scrape targets in the form of Prometheus' `file_sd_configs`: a job each.
    pub fn targets(&self) -> String {
        let each = self.iter().map(|(service, address)| {
            json!({ "targets": [reachable(address).to_string()], "labels": { "job": service.name() } })
        });
        let mut text = format!("{:#}", serde_json::Value::Array(each.collect()));
        text.push('\n');
        text
    }

    /// Writes [`Addresses::targets`] for Prometheus to find, in one step: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// [`PortsError::Targets`].
    pub fn write_targets(&self, path: &Path) -> Result<(), PortsError> {
        let draft = path.with_extension("new");
        let written = std::fs::write(&draft, self.targets()).and_then(|()| std::fs::rename(&draft, path));
        written.map_err(|source| PortsError::Targets { path: path.to_owned(), source })
    }
}

/// Where a program on this host reaches an address: what is bound to every address is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        IpAddr::V4(_) | IpAddr::V6(_) => address.ip(),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrator::config::Config;

    fn free() -> PortsConfig {
        PortsConfig {
            appliance: 0,
            zerodha_ws: 0,
            bar_builder_1s: 0,
            bar_aggregator_1m: 0,
            bar_aggregator_1m_to_multi: 0,
            pair_watch_producer: 0,
            pairs_executor: 0,
            risk_manager: 0,
            paper_matcher: 0,
            recon_exporter: 0,
            ..Config::builtin().unwrap().ports
        }
    }

    #[test]
    fn the_ports_are_those_of_the_contract_by_default() {
        let addresses = Addresses::of(&Config::builtin().unwrap().ports);
        insta::assert_snapshot!(addresses.table(), @r"
        appliance                  http://127.0.0.1:8110         tape, session, token
        zerodha_ws                 http://127.0.0.1:8111         ticks from the broker
        bar_builder_1s             http://127.0.0.1:8112         bars of a second
        bar_aggregator_1m          http://127.0.0.1:8118         bars of a minute
        bar_aggregator_1m_to_multi http://127.0.0.1:8113         bars of 3, 5, 15, 30 and 60 minutes
        pair_watch_producer        http://127.0.0.1:8114         signals of pairs
        pairs_executor             http://127.0.0.1:8115         signals into orders
        risk_manager               http://127.0.0.1:8116         limits
        paper_matcher              http://127.0.0.1:8117         fills on paper
        recon_exporter             http://127.0.0.1:8021         reconciliations and what was healed
        ");
    }

    #[test]
    fn every_key_of_the_configuration_is_a_service() {
        let printed: toml::Table = Config::builtin().unwrap().to_toml().unwrap().parse().unwrap();
        let mut keys: Vec<&str> = printed["ports"].as_table().unwrap().keys().map(String::as_str).collect();
        keys.retain(|key| *key != "bind");
        let mut names: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
        keys.sort_unstable();
        names.sort_unstable();
        assert_eq!(keys, names);
    }

    #[test]
    fn zero_takes_free_ports_and_they_are_told_as_they_are() {
        let ports = Ports::bind(&free()).unwrap();
        let mut seen: Vec<u16> = ports.addresses().iter().map(|(_, address)| address.port()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), Service::ALL.len());
        assert!(!seen.contains(&0));
        let address = ports.addresses().get(Service::RiskManager).unwrap();
        assert_eq!(ports.addresses().json()["risk_manager"], format!("http://{address}"));
        let targets: serde_json::Value = serde_json::from_str(&ports.addresses().targets()).unwrap();
        assert_eq!(targets[7]["targets"][0], address.to_string());
        assert_eq!(targets[7]["labels"]["job"], "risk_manager");
    }

    #[test]
    fn occupied_ports_are_told_with_service_and_key_and_nothing_stays_bound() {
        let held = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let [one, other] = held.each_ref().map(|held| held.local_addr().unwrap().port());
        let spare = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = PortsConfig { appliance: spare, bar_builder_1s: one, paper_matcher: other, ..free() };
        let told = Ports::bind(&config).err().unwrap().to_string();
        assert_eq!(
            told,
            format!(
                "127.0.0.1:{one} cannot be bound for bar_builder_1s (Address already in use (os error 98)): end whoever \
                 holds it, or set bar_builder_1s of [ports] to another port, or to 0 for any free one\n  \
                 127.0.0.1:{other} cannot be bound for paper_matcher (Address already in use (os error 98)): end whoever \
                 holds it, or set paper_matcher of [ports] to another port, or to 0 for any free one"
            )
        );
        TcpListener::bind(("127.0.0.1", spare)).expect("it was let go");
    }

    #[test]
    fn two_services_on_one_port_are_a_mistake_of_the_configuration() {
        let config = PortsConfig { zerodha_ws: 9_000, risk_manager: 9_000, ..free() };
        let told = Ports::bind(&config).err().unwrap().to_string();
        assert_eq!(
            told,
            "zerodha_ws and risk_manager of [ports] are both 9000: give one of them another port, or 0 for any free one"
        );
    }

    #[test]
    fn the_scrape_targets_in_infra_are_those_of_the_registry() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/prometheus/targets.json");
        let generated = Addresses::of(&Config::builtin().unwrap().ports).targets();
        if std::env::var_os("BARKEEP_REGENERATE").is_some() {
            std::fs::write(file, &generated).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), generated, "BARKEEP_REGENERATE=1 writes it anew");
    }

    #[test]
    fn targets_are_written_for_prometheus_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.json");
        let addresses = Addresses::of(&PortsConfig { bind: IpAddr::from([0, 0, 0, 0]), ..free() });
        addresses.write_targets(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"127.0.0.1:0\""), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = addresses.write_targets(Path::new("/no/such/folder/targets.json")).unwrap_err().to_string();
        assert_eq!(missing, "the scrape targets cannot be written to /no/such/folder/targets.json");
    }
}
