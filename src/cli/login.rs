//! `barkeep login`: from a person's login in the browser to the token's file.
//!
//! What it never does: show a token or a secret, take one from its arguments, or ask for a password. The daemon reads the
//! file by itself.

mod callback;
mod text;

use std::io::{self, BufRead as _, Read as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::Ts;
use barkeep_zerodha::rest::RestError;
use barkeep_zerodha::token::{AccessToken, Credentials, request_token};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use super::screen::{say, say_json};
use super::{Context, Verdict, moment};
use crate::orchestrator::broker::Broker;
use crate::orchestrator::pairs_paper_entry::Clock;

/// Bytes of what is pasted at most.
const PASTED_BYTES_MAX: u64 = 16 << 10;

/// Log in to Kite for the day
///
/// Shows the page on which to log in, takes the address to which the browser is sent afterwards (pasted, or with
/// --callback by itself), and writes the day's access token to a file that its owner alone can read. A running daemon
/// takes it from there. Every token ends at 06:00 IST. Key and secret come from kite.credentials_file of the
/// configuration, or from KITE_API_KEY and KITE_API_SECRET.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep login
  barkeep login --callback 8123      # the app's redirect URL is http://127.0.0.1:8123/
  pbpaste | barkeep login --json
  barkeep login --status

Exit codes of --status: 0 the token holds, 1 it does not or there is none,
2 the broker could not be asked.")]
pub struct Args {
    /// Take the redirect on a port of 127.0.0.1 instead of a pasted address [default port: 8123]; 0 takes a free one
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8123", conflicts_with = "status")]
    pub callback: Option<u16>,
    /// Log in to nothing: tell whether the token of the file holds
    #[arg(long)]
    pub status: bool,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// A token as it may be shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Shown {
    token_file: PathBuf,
    user_id: Option<String>,
    /// Epoch seconds.
    login: Option<i64>,
    /// Epoch seconds.
    valid_until: Option<i64>,
    /// Whether the broker takes it; none when it could not be asked.
    holds: Option<bool>,
}

impl Shown {
    fn new(broker: &Broker, token: Option<&AccessToken>, holds: Option<bool>) -> Self {
        Self {
            token_file: broker.token_file().to_owned(),
            user_id: token.and_then(|token| token.user_id.clone()),
            login: token.map(|token| token.login.secs()),
            valid_until: token.map(|token| token.valid_until().secs()),
            holds,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the configuration names no broker, key and secret are not there, what was pasted brings no token, the broker
/// refuses, or the file cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let broker = Broker::new(&context.config.kite, context.dir.root())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the system gives no means to wait for sockets")?;
    if args.status {
        return status(args, &broker, &runtime);
    }
    let credentials = broker.credentials(|name| std::env::var(name).ok())?;
    // What a person brings can be used once.
    broker.check_token_file().context(
        "no login is begun, as its token could not be kept: mend this, or name another file by token_file of [kite]",
    )?;
    eprintln!("Log in here:\n\n  {}\n", broker.login_url(&credentials.api_key));
    let take = async |brought: &SecretString| match exchange(&broker, &credentials, brought).await {
        Ok(token) => broker.write_token(&token).map(|()| Ok(token)).map_err(anyhow::Error::new),
        Err(why) => Ok(Err(why)),
    };
    let token = match args.callback {
        Some(port) => runtime.block_on(callback::wait(port, take))?,
        None => runtime.block_on(take(&pasted()?))??,
    };
    let shown = Shown::new(&broker, Some(&token), Some(true));
    if args.json {
        say_json(&shown)?
    } else {
        say(text::logged_in(&shown))?
    }
    Ok(Verdict::Fine)
}

/// The request token in the first line of stdin.
fn pasted() -> Result<SecretString> {
    eprintln!("Then paste the address to which the browser was sent (or its request_token), and Enter:");
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(PASTED_BYTES_MAX).read_line(&mut line);
    read.context("what was pasted cannot be read: expected one line of text")?;
    Ok(request_token(&line)?)
}

async fn exchange(broker: &Broker, credentials: &Credentials, brought: &SecretString) -> Result<AccessToken> {
    let client = broker.client().await?;
    match client.session(credentials, brought).await {
        Ok(token) => Ok(token),
        Err(error) if error.api().is_some() => Err(refused(error)),
        Err(error) => bail!(error),
    }
}

fn refused(error: RestError) -> anyhow::Error {
    anyhow::Error::new(error).context(
        "the broker takes no such login: a request token holds for minutes and can be used once, so open the page again; \
         else key and secret are not of one app",
    )
}

fn status(args: &Args, broker: &Broker, runtime: &tokio::runtime::Runtime) -> Result<Verdict> {
    let token = broker.read_token()?;
    let holds = match &token {
        Some(token) => runtime.block_on(broker.token_holds(token)),
        None => Some(false),
    };
    let shown = Shown::new(broker, token.as_ref(), holds);
    if args.json {
        say_json(&shown)?
    } else {
        say(text::status(&shown, Clock::host().now()))?
    }
    Ok(match holds {
        Some(holds) => Verdict::fine_if(holds),
        None => Verdict::CannotTell,
    })
}

/// Epoch seconds for people.
fn time(secs: i64) -> String {
    moment::ist(Ts::from_secs(secs))
}
