//! The limits of the risk manager, how orders are worked, where they go, and what paper trading assumes.
//!
//! What it never does: hold a default, or let a limit be missing. Who calls it: [`super::DeskFiles`].

use barkeep_schemas::{
    Bucket, BucketLimits, ExecutionRules, GatewayRules, Money, NANOS, OnKill, PaperRules, RiskLimits, Route,
};

use serde::Serialize;

use super::files::{FileError, parsed, version};
use crate::orchestrator::document::{Document, Entry, Section};
use crate::orchestrator::finding::{Finding, Problem};

const BUILTIN: &str = include_str!("../../../configs/risk.toml");
const BUILTIN_NAME: &str = "configs/risk.toml (built in)";

/// Decimals of an amount, and the largest: a hundred thousand crore.
const INR_DECIMALS: u32 = 4;
const INR_MAX: i64 = 10_000_000_000_000_000;

/// Percentages are kept in hundredths.
const PERCENT_DECIMALS: u32 = 2;
const WHOLE_BPS: i64 = 10_000;

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// Everything in `risk.toml`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RiskRules {
    /// Limits.
    pub limits: RiskLimits,
    /// How orders are worked.
    pub execution: ExecutionRules,
    /// Where they go.
    pub gateway: GatewayRules,
    /// What the paper matcher assumes.
    pub paper: PaperRules,
}

impl RiskRules {
    /// The limits that this build carries.
    ///
    /// # Errors
    /// [`FileError::Refused`] when the file was built in with a mistake, which a test excludes.
    pub fn builtin() -> Result<Self, FileError> {
        Self::from_toml(BUILTIN, BUILTIN_NAME)
    }

    /// The commented text of the built-in limits, for `init` to write.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// Reads a file, in which every key must be; `file_name` is its name in errors.
    ///
    /// # Errors
    /// [`FileError::Refused`] with every mistake, and every limit that is missing.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, FileError> {
        parsed(file_name, |findings| {
            let document = Document::parse(text, file_name).map_err(|found| findings.extend(found)).ok()?;
            rules(&document, findings)
        })
    }
}

/// A section whose keys are all asked for.
struct Keys<'d, 'f> {
    section: Option<Section<'d>>,
    asked: Vec<&'static str>,
    findings: &'f mut Vec<Finding>,
}

impl<'d> Keys<'d, '_> {
    fn get(&mut self, key: &'static str) -> Option<Entry<'d>> {
        self.asked.push(key);
        self.section.as_ref()?.require(key, "…", self.findings)
    }

    fn count(&mut self, key: &'static str, least: i64, most: i64) -> Option<u32> {
        let value = self.get(key)?.integer(least, most, self.findings)?;
        u32::try_from(value).ok()
    }

    fn inr(&mut self, key: &'static str) -> Option<Money> {
        self.get(key)?.decimal(INR_DECIMALS, 0, INR_MAX, self.findings).map(Money::new)
    }

    /// Hundredths of a percent, of at most so many percent.
    fn percent(&mut self, key: &'static str, most: i64) -> Option<u32> {
        let value = self.get(key)?.decimal(PERCENT_DECIMALS, 0, most * 100, self.findings)?;
        u32::try_from(value).ok()
    }

    /// Nanoseconds, of a number of seconds with up to three decimals.
    fn seconds(&mut self, key: &'static str, least: i64, most: i64) -> Option<i64> {
        let millis = self.get(key)?.decimal(3, least * 1_000, most * 1_000, self.findings)?;
        Some(millis * (NANOS / 1_000))
    }

    /// Every key that was not asked for means nothing here.
    fn end(self) {
        if let Some(section) = self.section {
            section.allow_only(&self.asked, self.findings);
        }
    }
}

/// Reads one section with `read`.
fn section<'d, T>(
    parent: &Section<'d>,
    name: &str,
    place: &str,
    findings: &mut Vec<Finding>,
    read: impl FnOnce(&mut Keys<'d, '_>) -> Option<T>,
) -> Option<T> {
    let found = parent.get(name).and_then(|entry| entry.section(findings));
    let Some(found) = found else {
        if parent.get(name).is_none() {
            findings.push(parent.finding(Problem::Missing { expected: format!("the section `{place}`") }));
        }
        return None;
    };
    let mut keys = Keys { section: Some(found.named(place.to_owned())), asked: Vec::new(), findings };
    let read = read(&mut keys);
    keys.end();
    read
}

fn rules(document: &Document<'_>, findings: &mut Vec<Finding>) -> Option<RiskRules> {
    let root = document.root();
    root.allow_only(&["version", "account", "orders", "bucket", "execution", "gateway", "paper"], findings);
    version(&root, findings);
    let buckets = buckets(&root, findings);
    let account = section(&root, "account", "[account]", findings, account);
    let orders = section(&root, "orders", "[orders]", findings, |keys| {
        let collar_bps = keys.percent("collar_pct", 100);
        let duplicate = keys.seconds("duplicate_window_s", 0, HOUR_S);
        let stale = keys.seconds("price_stale_s", 1, HOUR_S);
        let resize = keys.percent("resize_min_pct", 100);
        Some((collar_bps?, duplicate?, stale?, resize?))
    });
    let execution = section(&root, "execution", "[execution]", findings, execution);
    let gateway = section(&root, "gateway", "[gateway]", findings, |keys| {
        let route = keys.get("route").and_then(|of| of.name("route", &[("paper", Route::Paper)], keys.findings));
        let per_second = keys.count("per_second", 1, 10);
        let per_minute = keys.count("per_minute", 1, 400);
        let per_day = keys.count("per_day", 1, 5_000);
        Some(GatewayRules { route: route?, per_second: per_second?, per_minute: per_minute?, per_day: per_day? })
    });
    let paper = section(&root, "paper", "[paper]", findings, |keys| {
        let latency_ms = keys.count("latency_ms", 0, 60_000);
        let slippage_bps = keys.percent("slippage_pct", 100);
        let volume_share_bps = keys.percent("volume_share_pct", 100);
        let circuit_bps = keys.percent("circuit_pct", 100);
        Some(PaperRules {
            latency_ns: i64::from(latency_ms?) * (NANOS / 1_000),
            slippage_bps: slippage_bps?,
            volume_share_bps: volume_share_bps?,
            circuit_bps: circuit_bps?,
        })
    });
    let (collar_bps, duplicate_window_ns, price_stale_ns, resize_min_bps) = orders?;
    let limits =
        RiskLimits { collar_bps, duplicate_window_ns, price_stale_ns, resize_min_bps, buckets: buckets?, ..account? };
    let (execution, gateway, paper) = (execution?, gateway?, paper?);
    // A protection is rounded to the next price step behind it, which must lie within the collar still.
    if execution.protection_bps >= limits.collar_bps
        && let Some(entry) = root.get("execution")
    {
        let found = format!("a protection of {} bp", execution.protection_bps);
        let expected = format!("less than the collar of {} bp: every order would be rejected", limits.collar_bps);
        findings.push(entry.finding(Problem::Unfit { found, expected }));
    }
    Some(RiskRules { limits, execution, gateway, paper })
}

/// The limits of the account; what stands in other sections is zero.
fn account(keys: &mut Keys<'_, '_>) -> Option<RiskLimits> {
    let total_cash = keys.inr("total_cash_inr");
    let holdback_bps = keys.percent("holdback_pct", 100);
    let leverage = keys.get("leverage").and_then(|of| of.decimal(4, 0, 20 * WHOLE_BPS, keys.findings));
    let (max_gross, max_net) = (keys.inr("max_gross_inr"), keys.inr("max_net_inr"));
    let max_symbol = keys.inr("max_symbol_inr");
    let orders_per_second = keys.count("orders_per_second", 0, 1_000);
    let orders_per_minute = keys.count("orders_per_minute", 0, 60_000);
    let max_drawdown_bps = keys.percent("max_drawdown_pct", 100);
    let max_daily_loss = keys.inr("max_daily_loss_inr");
    let on_kill = keys
        .get("on_kill")
        .and_then(|of| of.name("action", &[("flatten", OnKill::Flatten), ("hold", OnKill::Hold)], keys.findings));
    Some(RiskLimits {
        total_cash: total_cash?,
        holdback_bps: holdback_bps?,
        leverage_bps: u32::try_from(leverage?).ok()?,
        max_gross: max_gross?,
        max_net: max_net?,
        max_symbol: max_symbol?,
        orders_per_second: orders_per_second?,
        orders_per_minute: orders_per_minute?,
        collar_bps: 0,
        duplicate_window_ns: 0,
        price_stale_ns: 0,
        resize_min_bps: 0,
        max_drawdown_bps: max_drawdown_bps?,
        max_daily_loss: max_daily_loss?,
        on_kill: on_kill?,
        buckets: Vec::new(),
    })
}

fn buckets(root: &Section<'_>, findings: &mut Vec<Finding>) -> Option<Vec<BucketLimits>> {
    let entry = root.require("bucket", "… in [bucket.LOW], [bucket.MED], [bucket.HIGH]", findings)?;
    let tables = entry.section(findings)?.named("[bucket]".to_owned());
    tables.allow_only(&Bucket::ALL.iter().map(|bucket| bucket.name()).collect::<Vec<_>>(), findings);
    let mut all = Vec::new();
    for bucket in Bucket::ALL.iter().copied() {
        let place = format!("[bucket.{bucket}]");
        let read = section(&tables, bucket.name(), &place, findings, |keys| {
            let split_bps = keys.percent("split_pct", 100);
            let (max_gross, max_net) = (keys.inr("max_gross_inr"), keys.inr("max_net_inr"));
            let (max_symbol, max_order) = (keys.inr("max_symbol_inr"), keys.inr("max_order_inr"));
            let max_pairs = keys.count("max_pairs", 0, 10_000);
            let orders_per_minute = keys.count("orders_per_minute", 0, 60_000);
            let max_drawdown_bps = keys.percent("max_drawdown_pct", 100);
            let max_daily_loss = keys.inr("max_daily_loss_inr");
            Some(BucketLimits {
                bucket,
                split_bps: split_bps?,
                max_gross: max_gross?,
                max_net: max_net?,
                max_symbol: max_symbol?,
                max_order: max_order?,
                max_pairs: max_pairs?,
                orders_per_minute: orders_per_minute?,
                max_drawdown_bps: max_drawdown_bps?,
                max_daily_loss: max_daily_loss?,
            })
        });
        all.extend(read);
    }
    let split: u32 = all.iter().map(|of| of.split_bps).sum();
    if i64::from(split) > WHOLE_BPS {
        let found = format!("a `split_pct` of {} over the buckets", f64::from(split) / 100.0);
        findings.push(entry.finding(Problem::Unfit { found, expected: "at most 100".to_owned() }));
    }
    (all.len() == Bucket::ALL.len()).then_some(all)
}

fn execution(keys: &mut Keys<'_, '_>) -> Option<ExecutionRules> {
    let protection_bps = keys.percent("protection_pct", 100);
    let entry_timeout_ns = keys.seconds("entry_timeout_s", 1, HOUR_S);
    let exit_timeout_ns = keys.seconds("exit_timeout_s", 1, HOUR_S);
    let symbol_throttle_ns = keys.seconds("symbol_throttle_s", 0, DAY_S);
    let bucket_throttle_ns = keys.seconds("bucket_throttle_s", 0, DAY_S);
    let max_hedge_error_bps = keys.percent("max_hedge_error_pct", 100);
    let approval_ttl_ns = keys.seconds("approval_ttl_s", 1, 60);
    Some(ExecutionRules {
        protection_bps: protection_bps?,
        entry_timeout_ns: entry_timeout_ns?,
        exit_timeout_ns: exit_timeout_ns?,
        symbol_throttle_ns: symbol_throttle_ns?,
        bucket_throttle_ns: bucket_throttle_ns?,
        max_hedge_error_bps: max_hedge_error_bps?,
        approval_ttl_ns: approval_ttl_ns?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        RiskRules::from_toml(text, "r.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_limits_are_those_of_the_file() {
        let rules = RiskRules::builtin().unwrap();
        assert_eq!(rules.limits.total_cash, Money::new(25_000_000_000));
        assert_eq!((rules.limits.holdback_bps, rules.limits.leverage_bps), (2_000, 10_000));
        assert_eq!(rules.limits.buckets.iter().map(|of| of.bucket).collect::<Vec<_>>(), Bucket::ALL);
        assert_eq!(rules.execution.approval_ttl_ns, 5 * NANOS);
        assert_eq!((rules.gateway.route, rules.paper.latency_ns), (Route::Paper, 150_000_000));
    }

    #[test]
    fn every_line_of_the_built_in_file_is_needed() {
        for line in BUILTIN.lines().filter(|line| line.contains(" = ")) {
            let key = line.split_once(" = ").unwrap().0;
            let refused = refused(&BUILTIN.replacen(line, "", 1));
            assert!(refused.contains(&format!("missing: expected `{key} = ")), "{line}: {refused}");
        }
    }

    #[test]
    fn every_mistake_is_told() {
        let text = BUILTIN
            .replace("holdback_pct = 20", "holdback_pct = 120")
            .replace("leverage = 1\n", "leverage = 1.00001\n")
            .replace("max_net_inr = 500_000", "max_net_inr = \"much\"")
            .replace("on_kill = \"flatten\"", "on_kill = \"flat\"")
            .replace("split_pct = 30", "split_pct = 30.01")
            .replace("[bucket.HIGH]", "[bucket.TOP]")
            .replace("route = \"paper\"", "route = \"kite\"")
            .replace("latency_ms = 150", "latency = 150")
            .replace("protection_pct = 0.5", "protection_pct = 5");
        insta::assert_snapshot!(refused(&text), @r#"
        r.toml is refused: 9 findings
          r.toml:12: [account] holdback_pct: found 120, expected a number from 0 to 100 with at most 2 decimals
          r.toml:14: [account] leverage: found 1.00001, expected a number from 0 to 20 with at most 4 decimals
          r.toml:18: [account] max_net_inr: found "much", expected a number from 0 to 1000000000000 with at most 4 decimals
          r.toml:29: [account] on_kill: `flat` is no known action: did you mean `flatten`?
          r.toml:44: [bucket]: missing: expected the section `[bucket.HIGH]`
          r.toml:66: [bucket]: `TOP` is no known key: expected one of `LOW`, `MED`, `HIGH`
          r.toml:96: [gateway] route: `kite` is no known route: expected one of `paper`
          r.toml:104: [paper]: missing: expected `latency_ms = …`
          r.toml:106: [paper]: `latency` is no known key: did you mean `latency_ms`?
        "#);
        let text = BUILTIN.replace("split_pct = 30", "split_pct = 30.01");
        insta::assert_snapshot!(refused(&text), @r"
        r.toml is refused: 1 finding
          r.toml:44: bucket: found a `split_pct` of 100.01 over the buckets, expected at most 100
        ");
        let text = BUILTIN.replace("protection_pct = 0.5", "protection_pct = 5");
        insta::assert_snapshot!(refused(&text), @r"
        r.toml is refused: 1 finding
          r.toml:78: execution: found a protection of 500 bp, expected less than the collar of 100 bp: every order would be rejected
        ");
        insta::assert_snapshot!(refused(""), @r"
        r.toml is refused: 7 findings
          r.toml: missing: expected `version = 1`
          r.toml: missing: expected `bucket = … in [bucket.LOW], [bucket.MED], [bucket.HIGH]`
          r.toml: missing: expected the section `[account]`
          r.toml: missing: expected the section `[orders]`
          r.toml: missing: expected the section `[execution]`
          r.toml: missing: expected the section `[gateway]`
          r.toml: missing: expected the section `[paper]`
        ");
    }
}
