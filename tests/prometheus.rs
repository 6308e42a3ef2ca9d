//! A real Prometheus scrapes all ten ports. `make servers` installs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barkeep::monitoring::metrics::catalogue::{Home, entries};
use barkeep::monitoring::metrics::{DurableLatency, EventMetrics, Metrics, ReconMetrics, Service};
use barkeep::orchestrator::calendar::Calendar;
use barkeep::orchestrator::config::Config;
use barkeep::orchestrator::pairs_paper_entry::{
    Clock, EngineState, Ports, Services, SessionFacts, TokenFacts, board, watch_disk,
};
use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::{DataDir, Filter, Tape};
use serde_json::Value;
use stage::desk::traded;
use stage::{Stage, day, write_candles, write_ticks};

/// How long Prometheus may take for what takes it a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Body of a page, whose status must be 200.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}

/// A Prometheus that ends with the test.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    fn start(folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts: make servers installs it");
        Self { child, address: free }
    }

    /// What an API path says of `data`, once `holds`.
    #[track_caller]
    fn ask(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let (began, mut last) = (Instant::now(), Value::Null);
        while began.elapsed() < PATIENCE {
            if let Some(body) = get(self.address, path) {
                last = serde_json::from_str::<Value>(&body).expect("JSON")["data"].take();
                if holds(&last) {
                    return last;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path} says {last:#}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Metrics of a recorded day, traded and reconciled.
fn metrics_of_a_day(stage: &Stage) -> Metrics {
    let day = day(5, 6);
    write_ticks(&day, &stage.path("ticks.csv"));
    write_candles(&day, &stage.path("candles.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    stage.expect(1, "recon --date 2026-07-31 --source candles.csv");
    let metrics = Metrics::new(["HDFCBANK".to_owned()]).unwrap();
    let (mut counted, timed) = (EventMetrics::new(&metrics).unwrap(), DurableLatency::new(&metrics).unwrap());
    let tape = Tape::open(&DataDir::new(stage.path("data"))).unwrap();
    let events: Vec<_> = tape.scan(Seq::FIRST, None, &Filter::ALL).map(Result::unwrap).collect();
    for (seq, event) in traded(&events) {
        counted.take(seq, &event).unwrap();
        timed.take(&event, event.ts().unwrap_or_default());
    }
    counted.settle();
    let mut recon = ReconMetrics::anew(&metrics);
    events.iter().for_each(|(seq, event)| recon.take(*seq, event));
    recon.settle().unwrap();
    metrics
}

/// Ports that nobody holds now, in a configuration.
fn free_ports() -> Config {
    let keys = Service::ALL.map(|service| format!("{} = 0\n", service.name())).concat();
    Config::from_toml(&format!("[ports]\n{keys}"), "test").unwrap()
}

#[track_caller]
fn promtool(args: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts: make servers installs it");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {args:?}\n{out}\n{err}");
}

#[test]
fn the_scrape_configuration_is_sound() {
    promtool(&["check", "config", concat!(env!("CARGO_MANIFEST_DIR"), "/infra/prometheus/prometheus.yml")], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_all_ten_ports_and_finds_each_name_once() {
    let stage = Stage::new();
    let metrics = metrics_of_a_day(&stage);
    let clock = Clock::host();
    let date = SessionDate::parse("2026-07-31").unwrap();
    let session = SessionFacts::on(&Calendar::builtin().unwrap(), date, false);
    let (tellers, board) = board(clock.now(), session, TokenFacts::Missing);
    tellers.engine.state(EngineState::Running);
    tokio::spawn(watch_disk(metrics.clone(), DataDir::new(stage.path("data"))));
    let turning = clock.clone();
    tokio::spawn(async move {
        loop {
            tellers.engine.turned(turning.now());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let ports = Ports::bind(&free_ports().ports).unwrap();
    let services = Services::start(ports, metrics, board, clock).unwrap();
    services.addresses().write_targets(&stage.path("targets.json")).unwrap();
    let shipped = include_str!("../infra/prometheus/prometheus.yml");
    stage.write(
        "prometheus.yml",
        &shipped
            .replace("scrape_interval: 15s", "scrape_interval: 1s")
            .replace("scrape_timeout: 5s", "scrape_timeout: 1s"),
    );
    let addresses = services.addresses().clone();
    tokio::task::spawn_blocking(move || {
        for (_, address) in addresses.iter() {
            promtool(&["check", "metrics"], &get(address, "/metrics").expect("a page"));
        }
        promtool(&["check", "metrics"], &get(addresses.get(Service::Appliance).unwrap(), "/metrics/all").unwrap());
        scraped(&Prometheus::start(stage.folder.path()));
    })
    .await
    .unwrap();
}

fn scraped(prometheus: &Prometheus) {
    let up = |data: &Value| {
        let targets = data["activeTargets"].as_array().map_or(&[][..], Vec::as_slice);
        targets.len() == Service::ALL.len() && targets.iter().all(|target| target["health"] == "up")
    };
    prometheus.ask("/api/v1/targets?state=active", up);
    let jobs = prometheus
        .ask("/api/v1/label/job/values", |data| data.as_array().is_some_and(|jobs| jobs.len() == Service::ALL.len()));
    assert_eq!(jobs.as_array().unwrap().len(), Service::ALL.len());
    // Which jobs each name came from.
    let found = prometheus.ask("/api/v1/query?query=count%20by%20(__name__,job)%20(%7Bjob!=%22%22%7D)", |data| {
        data["result"]
            .as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["metric"]["__name__"] == "bars_1s_ticks_total"))
    });
    let mut jobs_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in found["result"].as_array().unwrap() {
        let text = |key: &str| row["metric"][key].as_str().unwrap_or_default().to_owned();
        let name = text("__name__");
        // Prometheus' own.
        if name != "up" && !name.starts_with("scrape_") {
            jobs_of.entry(name).or_default().insert(text("job"));
        }
    }
    let known: BTreeMap<&str, Home> = entries().map(|entry| (entry.name, entry.home)).collect();
    let base = |name: &str| -> String {
        let cut = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        cut.filter(|cut| known.contains_key(cut)).unwrap_or(name).to_owned()
    };
    for (name, jobs) in &jobs_of {
        match known.get(base(name).as_str()) {
            Some(Home::Common) => assert_eq!(jobs.len(), Service::ALL.len(), "{name}"),
            Some(Home::Of(service)) => assert!(jobs.len() == 1 && jobs.contains(service.name()), "{name}: {jobs:?}"),
            None => panic!("{name} is in no catalogue"),
        }
    }
    let seen: BTreeSet<String> = jobs_of.keys().map(|name| base(name)).collect();
    let missing: Vec<&str> = known.keys().copied().filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "not scraped: {missing:?}");
    let ready = prometheus.ask("/api/v1/query?query=sum(service_up)", |data| data["result"][0]["value"][1] == "10");
    assert_eq!(ready["result"].as_array().unwrap().len(), 1);
}
