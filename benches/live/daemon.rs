//! `barkeep run` as a process on one core, and what it and the system say about it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barkeep::monitoring::metrics::Service;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::feeder::token;

/// The core that the daemon is held to.
const CORE: &str = "1";

pub struct Daemon {
    child: Child,
    appliance: String,
    _folder: TempDir,
}

/// Counters at a moment.
pub struct Sample {
    pub at: Instant,
    pub ticks: f64,
    pub gaps: f64,
    pub latency: Histogram,
    pub cpu_s: f64,
    pub rss_mib: f64,
    /// Bytes that the system was given for the disk.
    pub bytes_written: u64,
}

/// Upper bounds and how many lie at or below each.
pub struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    pub fn since(&self, before: &Self) -> Self {
        Self(self.0.iter().zip(&before.0).map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }

    /// Evenly within the bucket, as Prometheus does.
    pub fn quantile(&self, q: f64) -> f64 {
        let all = self.0.last().map_or(0.0, |(_, count)| *count);
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= q * all && *count > below {
                let within = (q * all - below) / (count - below);
                return if bound.is_finite() { low + (bound - low) * within } else { low };
            }
            (low, below) = (*bound, *count);
        }
        low
    }
}

impl Daemon {
    pub fn start(feed: SocketAddr, instruments: u32, commit_ms: u32, as_of: &str) -> Self {
        let folder = TempDir::new_in(std::env::var_os("BARKEEP_BENCH_DIR").unwrap_or_else(|| "/tmp".into()));
        let folder = folder.expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let symbols = || (0..instruments).map(|number| (number, format!("S{number:04}")));
        let rows: String = symbols().map(|(_, symbol)| format!("NSE,{symbol},Any,cash,true,false\n")).collect();
        let universe = format!("exchange,tradingsymbol,sector,class,subscribe,record_depth\n{rows}");
        fs::write(at("universe.csv"), universe).expect("a file");
        let head = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,\
                    instrument_type,segment,exchange\n";
        let row = |(number, symbol): (u32, String)| {
            format!("{},{},{symbol},\"{symbol}\",0,,0,0.05,1,EQ,NSE,NSE\n", token(number), token(number) >> 8)
        };
        fs::create_dir_all(at("data/instruments")).expect("a folder");
        let list = fs::File::create(at("data/instruments/2026-07-31.csv.gz")).expect("a file");
        let mut list = GzEncoder::new(list, Compression::fast());
        list.write_all((head.to_owned() + &symbols().map(row).collect::<String>()).as_bytes()).expect("a list");
        list.finish().expect("a list");
        let token = r#"{"api_key":"k","access_token":"t","user_id":null,"login":"2026-07-31 09:00:00"}"#;
        let mut file = fs::OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600).open(at("data/kite_token.json"));
        file.expect("a file").write_all(token.as_bytes()).expect("a token");
        let ports = Service::ALL.map(|service| format!("{} = 0\n", service.name())).concat();
        let config = format!(
            "data_dir = \"{}\"\n[tape]\ncommit_ms = {commit_ms}\n[calendar]\nuniverse = \"{}\"\n[kite]\n\
             rest = \"http://{feed}\"\nws = \"ws://{feed}\"\n[feed]\nmute_s = 60\n[ports]\n{ports}",
            at("data").display(),
            at("universe.csv").display(),
        );
        fs::write(at("barkeep.toml"), config).expect("a file");
        let mut command = Command::new("taskset");
        command.args(["-c", CORE, env!("CARGO_BIN_EXE_barkeep"), "--config"]).arg(at("barkeep.toml"));
        command.args(["run", "--json", "--as-of", as_of]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("taskset, of util-linux");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let told: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let appliance = told["services"]["appliance"].as_str().expect("an address").to_owned();
        let appliance = appliance.trim_start_matches("http://").to_owned();
        Self { child, appliance, _folder: folder }
    }

    pub fn until_ready(&self) {
        let begun = Instant::now();
        while !self.page("/readyz").starts_with("HTTP/1.1 200") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", self.page("/readyz"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.appliance).expect("the port is bound");
        let host = &self.appliance;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a reader");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }

    /// What waits between the sockets and the disk.
    pub fn backlog(&self) -> f64 {
        let page = self.page("/metrics");
        page.lines().filter(|line| line.starts_with("service_backlog{service=\"appliance\"}")).map(value).sum()
    }

    pub fn sample(&self) -> Sample {
        let at = Instant::now();
        let page = self.page("/metrics/all");
        let sum = |name: &str| page.lines().filter(|line| line.starts_with(name)).map(value).sum::<f64>();
        let bucket = |line: &str| {
            let bound = line.strip_prefix("zerodha_tick_latency_seconds_bucket{le=\"")?.split('"').next()?;
            Some((bound.parse().unwrap_or(f64::INFINITY), value(line)))
        };
        let latency = Histogram(page.lines().filter_map(bucket).collect());
        let pid = self.child.id();
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a process");
        let stat = read("stat");
        let ticks: Vec<f64> =
            stat.rsplit(')').next().unwrap_or_default().split(' ').filter_map(|n| n.parse().ok()).collect();
        let field = |file: String, name: &str| -> u64 {
            let line = file.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0").to_owned();
            line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        Sample {
            at,
            ticks: sum("zerodha_ticks_received_total{"),
            gaps: sum("zerodha_feed_gaps_total{"),
            latency,
            // utime and stime, hundredths of a second: the 12th and 13th number behind the state.
            cpu_s: (ticks[10] + ticks[11]) / 100.0,
            rss_mib: field(read("status"), "VmRSS:") as f64 / 1_024.0,
            bytes_written: field(read("io"), "write_bytes:"),
        }
    }
}

fn value(line: &str) -> f64 {
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
