//! The broker: one account behind Kite's REST interface, and the life of its orders.
//!
//! It knows no clock, socket or thread: the time and the market are handed in with every call, and the same calls give the
//! same answers. It injects no fault and sends nothing. The world calls it; whatever bytes a request is made of, it gets
//! an answer.
//!
//! Simpler than Kite, on purpose: one user, NSE stocks alone, no order of several legs, no costs and taxes, margins that
//! are a fixed share of the value.

mod chance;
mod cover;
mod desk;
mod exchange;
mod hours;
mod life;
mod limits;
mod market_data;
mod matching;
mod order;
mod params;
mod portfolio;
mod request;
mod route;
mod session;
mod statement;
mod terms;
mod update;

use barkeep_schemas::{Money, Ts};

use chance::{Purpose, token};
pub use desk::OrderDelays;
use desk::{Account, Desk};
pub use exchange::Exchange;
use limits::RateMeter;
pub use limits::{RateClass, RateLimits};
use params::Params;
use portfolio::Portfolio;
pub use request::{Answer, CandleAnswer, Method, Rendered, Request};
use route::Action;
use session::{Credentials, Sessions};
pub use update::{OrderUpdate, UpdateKind};

use crate::kite::KiteError;
use crate::kite::account::{Profile, SessionBody};
use crate::kite::orders::OrderIdBody;
use crate::kite::quotes::{LtpBody, OhlcBody, QuoteBody};
use crate::kite::stamp::date_time;

/// What an account is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerPlan {
    /// Where tokens and order numbers come from.
    pub seed: u64,
    /// The app's key.
    pub api_key: String,
    /// The app's secret.
    pub api_secret: String,
    /// The first request token; a login in the browser gives further ones.
    pub request_token: String,
    /// Where a login leads.
    pub redirect_url: String,
    /// The user.
    pub user_id: String,
    /// The app's number in postbacks.
    pub app_id: u32,
    /// Cash at the start.
    pub cash: Money,
    /// Value that one rupee of margin carries in product MIS; at least 1.
    pub mis_leverage: u32,
    /// Rates; none switches the limits off.
    pub limits: Option<RateLimits>,
    /// How long orders take.
    pub delays: OrderDelays,
}

impl BrokerPlan {
    /// An account with keys drawn from a seed, ten million rupees and Kite's limits.
    pub fn drawn(seed: u64) -> Self {
        Self {
            seed,
            api_key: token(seed, Purpose::ApiKey, 0, 16).to_ascii_lowercase(),
            api_secret: token(seed, Purpose::ApiSecret, 0, 32).to_ascii_lowercase(),
            request_token: token(seed, Purpose::RequestToken, 0, 32),
            redirect_url: "http://127.0.0.1/".to_owned(),
            user_id: "AB1234".to_owned(),
            app_id: 1_234,
            cash: Money::new(10_000_000 * 10_000),
            mis_leverage: 5,
            limits: Some(RateLimits::default()),
            delays: OrderDelays::default(),
        }
    }
}

/// One account.
#[derive(Clone, Debug)]
pub struct Broker {
    plan: BrokerPlan,
    sessions: Sessions,
    meter: Option<RateMeter>,
    desk: Desk,
}

impl Broker {
    /// Opens the account of a plan.
    pub fn new(plan: BrokerPlan) -> Self {
        let BrokerPlan { seed, api_key, api_secret, user_id, .. } = plan.clone();
        let account =
            Account { seed, user_id, app_id: plan.app_id, api_secret: api_secret.clone(), delays: plan.delays };
        Self {
            sessions: Sessions::new(Credentials { seed, api_key, api_secret }, plan.request_token.clone()),
            meter: plan.limits.map(RateMeter::new),
            desk: Desk::new(account, Portfolio::new(plan.cash.get(), plan.mis_leverage)),
            plan,
        }
    }

    /// Answers a request at a moment. Whatever it is made of, there is an answer; an unknown path gets 404, an unknown
    /// method 405, too many requests 429, a missing session 403, in this order.
    pub fn handle(&mut self, request: &Request, market: &dyn Exchange, now: Ts) -> Answer {
        self.desk.settle(market, now);
        self.answer(request, market, now).unwrap_or_else(Answer::from)
    }

    /// Lets time pass after the market has: orders move, prints and books fill them. Returns what there is to tell, also of
    /// what requests brought about since the last call, in the order in which it happened.
    pub fn advance(&mut self, market: &dyn Exchange, now: Ts) -> Vec<OrderUpdate> {
        self.desk.advance(market, now);
        core::mem::take(&mut self.desk.updates)
    }

    /// Whether a key and an access token open the feed at a moment.
    pub fn token_valid(&self, api_key: &str, access_token: &str, now: Ts) -> bool {
        self.sessions.holds(api_key, access_token, now)
    }

    /// Ends the session at once, as a login elsewhere does, and says whether there was one. A new login is possible.
    pub fn kill_token(&mut self) -> bool {
        self.sessions.kill()
    }

    /// A new request token, as if somebody had logged in by hand.
    pub fn issue_request_token(&mut self) -> String {
        self.sessions.request_token()
    }

    /// The plan.
    pub const fn plan(&self) -> &BrokerPlan {
        &self.plan
    }

    fn answer(&mut self, request: &Request, market: &dyn Exchange, now: Ts) -> Result<Answer, KiteError> {
        let action = route::action(request.method, &request.path)?;
        let admitted = self.meter.as_mut().is_none_or(|meter| meter.admit(rate_class(action), now));
        if !admitted {
            return Err(KiteError::too_many_requests());
        }
        match action {
            Action::Login => self.login(Params(&request.query)),
            Action::OpenSession => self.open_session(Params(&request.form), now),
            Action::CloseSession => {
                self.sessions.close(Params(&request.query), now)?;
                Ok(Answer::success(true))
            }
            // Given to everybody.
            Action::Instruments(_) => self.inside(action, request, market, now),
            Action::Profile
            | Action::Margins(_)
            | Action::Orders
            | Action::History(_)
            | Action::Place(_)
            | Action::Modify { .. }
            | Action::Cancel { .. }
            | Action::Trades
            | Action::OrderTrades(_)
            | Action::Positions
            | Action::Holdings
            | Action::HoldingAuctions
            | Action::Candles { .. }
            | Action::Quote
            | Action::Ohlc
            | Action::Ltp => {
                self.sessions.check_header(request.authorization.as_deref(), now)?;
                self.inside(action, request, market, now)
            }
        }
    }

    /// Answers what needs a session, and the instruments' dump.
    fn inside(
        &mut self,
        action: Action<'_>,
        request: &Request,
        market: &dyn Exchange,
        now: Ts,
    ) -> Result<Answer, KiteError> {
        let (query, form) = (Params(&request.query), Params(&request.form));
        match action {
            Action::Quote => market_data::quotes(query, market, market_data::QUOTE_MAX, QuoteBody::new),
            Action::Ohlc => market_data::quotes(query, market, market_data::PRICE_MAX, OhlcBody::new),
            Action::Ltp => market_data::quotes(query, market, market_data::PRICE_MAX, LtpBody::new),
            Action::Instruments(exchange) => market_data::instruments(exchange, market),
            Action::Candles { token, interval } => market_data::candles(token, interval, query, market),
            Action::Place(variety) => {
                let autoslice = form.switch("autoslice")?;
                Ok(placed(self.desk.place(variety, form, market, now)?, autoslice))
            }
            Action::Modify { variety, id } => {
                let place = self.desk.find(id, Some(variety))?;
                self.desk.modify(place, form, market, now)?;
                Ok(Answer::success(OrderIdBody { order_id: id.to_owned() }))
            }
            Action::Cancel { variety, id } => {
                let place = self.desk.find(id, Some(variety))?;
                self.desk.cancel(place, now)?;
                Ok(Answer::success(OrderIdBody { order_id: id.to_owned() }))
            }
            Action::Profile
            | Action::Margins(_)
            | Action::Orders
            | Action::History(_)
            | Action::Trades
            | Action::OrderTrades(_)
            | Action::Positions
            | Action::Holdings
            | Action::HoldingAuctions
            | Action::Login
            | Action::OpenSession
            | Action::CloseSession => self.shown(action, market, now),
        }
    }

    /// Answers what shows the account.
    fn shown(&self, action: Action<'_>, market: &dyn Exchange, now: Ts) -> Result<Answer, KiteError> {
        let desk = &self.desk;
        Ok(match action {
            Action::Profile => Answer::success(Profile::new(&self.plan.user_id)),
            Action::Margins(None) => Answer::success(statement::margins(desk, market)),
            Action::Margins(Some("equity")) => Answer::success(statement::margins(desk, market).equity),
            Action::Margins(Some("commodity")) => Answer::success(statement::margins(desk, market).commodity),
            Action::Margins(Some(_)) => return Err(params::invalid("segment")),
            Action::Orders => {
                let last = desk.orders.iter().filter_map(|order| order.history.last());
                Answer::success(last.collect::<Vec<_>>())
            }
            Action::History(id) => {
                let place = desk.find(id, None)?;
                Answer::success(desk.orders.get(place).map(|order| &order.history))
            }
            Action::Trades => Answer::success(&desk.trades),
            Action::OrderTrades(id) => {
                desk.find(id, None)?;
                Answer::success(desk.trades.iter().filter(|trade| trade.order_id == id).collect::<Vec<_>>())
            }
            Action::Positions => Answer::success(statement::positions(desk, market)),
            Action::Holdings => Answer::success(statement::holdings(desk, market, now)),
            Action::HoldingAuctions => Answer::success([(); 0]),
            Action::Login
            | Action::OpenSession
            | Action::CloseSession
            | Action::Place(_)
            | Action::Modify { .. }
            | Action::Cancel { .. }
            | Action::Instruments(_)
            | Action::Candles { .. }
            | Action::Quote
            | Action::Ohlc
            | Action::Ltp => return Err(KiteError::not_found()),
        })
    }

    /// A login in the browser: nobody is asked for a password, and the way leads back to the app at once.
    fn login(&mut self, query: Params<'_>) -> Result<Answer, KiteError> {
        self.sessions.check_key(query.required("api_key")?)?;
        let request_token = self.sessions.request_token();
        let url = &self.plan.redirect_url;
        let joint = if url.contains('?') { '&' } else { '?' };
        let mut location = format!("{url}{joint}request_token={request_token}&action=login&status=success");
        // The pairs that the app wants back go on as they came; what could not stand in a header is dropped.
        let back = query.get("redirect_params").unwrap_or("").chars().filter(char::is_ascii_graphic);
        let back: String = back.collect();
        if !back.is_empty() {
            location.push('&');
            location.push_str(&back);
        }
        Ok(Answer::Redirect { location })
    }

    fn open_session(&mut self, form: Params<'_>, now: Ts) -> Result<Answer, KiteError> {
        let access_token = self.sessions.open(form, now)?;
        let (seed, login) = (self.plan.seed, self.sessions.logins());
        Ok(Answer::success(SessionBody {
            profile: Profile::new(&self.plan.user_id),
            api_key: &self.plan.api_key,
            access_token: &access_token,
            public_token: &token(seed, Purpose::PublicToken, login, 32),
            enctoken: &token(seed, Purpose::Enctoken, login, 32),
            refresh_token: "",
            silo: "",
            login_time: date_time(now),
        }))
    }
}

/// The answer to a placed order; with `autoslice` it has a list of further orders, which one below the freeze limit has not.
fn placed(order_id: String, autoslice: bool) -> Answer {
    #[derive(serde::Serialize)]
    struct Sliced {
        order_id: String,
        children: [(); 0],
    }
    if autoslice {
        Answer::success(Sliced { order_id, children: [] })
    } else {
        Answer::success(OrderIdBody { order_id })
    }
}

const fn rate_class(action: Action<'_>) -> RateClass {
    match action {
        Action::Quote | Action::Ohlc | Action::Ltp => RateClass::Quote,
        Action::Candles { .. } => RateClass::Historical,
        Action::Place(_) => RateClass::Place,
        Action::Modify { .. } | Action::Cancel { .. } => RateClass::Change,
        Action::Login
        | Action::OpenSession
        | Action::CloseSession
        | Action::Profile
        | Action::Margins(_)
        | Action::Orders
        | Action::History(_)
        | Action::Trades
        | Action::OrderTrades(_)
        | Action::Positions
        | Action::Holdings
        | Action::HoldingAuctions
        | Action::Instruments(_) => RateClass::Other,
    }
}

#[cfg(test)]
mod tests;
