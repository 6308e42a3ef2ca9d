//! A simulated Kite small enough to be made anew for every input: three stocks, two days, no history to speak of.

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use barkeep_sim::broker::{BrokerPlan, Method, Rendered, Request};
use barkeep_sim::faults::{FaultPlan, SessionSpan};
use barkeep_sim::kite::orders::session_checksum;
use barkeep_sim::market::{DayHours, MarketPlan};
use barkeep_sim::world::{Delivery, RequestId, World, WorldPlan};

/// The two trading dates: a Thursday and the Friday after it.
pub const DATES: [SessionDate; 2] = [SessionDate(20_664), SessionDate(20_665)];

/// A moment by date and minute of the day in IST.
pub fn at(date: SessionDate, minute: i64) -> Ts {
    Ts::new((i64::from(date.0) * 86_400 - 19_800 + minute * 60) * NANOS)
}

fn day(date: SessionDate) -> DayHours {
    let span = |phase, start, end| PhaseSpan { phase, start: at(date, start), end: at(date, end) };
    let phases = vec![span(Phase::PreOpen, 540, 555), span(Phase::Continuous, 555, 930)];
    let class = |class| ClassDay { class, phases: phases.clone() };
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: at(date, 0),
        day_end: at(date, 1_440),
        tradable: true,
        classes: vec![class(InstrumentClass::Derivatives), class(InstrumentClass::Cash)],
    };
    DayHours { date, calendar }
}

/// The spans of the simulated days.
pub fn spans() -> Vec<SessionSpan> {
    let span = |date| SessionSpan { date, midnight: at(date, 0), open: at(date, 555), close: at(date, 930) };
    DATES.map(span).to_vec()
}

/// A Kite with one account, and what is needed to speak with it.
pub struct Simulated {
    pub world: World,
    pub api_key: String,
    pub access_token: String,
    requests: RequestId,
}

impl Simulated {
    /// Starts at a minute of the first date, with a session opened.
    pub fn new(minute: i64, faults: FaultPlan, limits: bool) -> Self {
        let mut broker = BrokerPlan::drawn(7);
        if !limits {
            broker.limits = None;
        }
        let (key, secret, token) = (broker.api_key.clone(), broker.api_secret.clone(), broker.request_token.clone());
        let market = MarketPlan { seed: 7, instruments: 3, days: DATES.map(day).to_vec(), first: DATES[0], busy: true };
        let start = at(DATES[0], minute);
        let plan = WorldPlan { seed: 7, market, broker, faults, spans: spans(), start, tells_time: false };
        let world = World::new(plan).expect("the plan of these targets holds");
        let mut simulated = Self { world, api_key: key.clone(), access_token: String::new(), requests: 0 };
        let mut login = Request::new(Method::Post, "/session/token");
        let checksum = session_checksum(&key, &token, &secret);
        login.form =
            [("api_key", key), ("request_token", token), ("checksum", checksum)].map(|(k, v)| (k.to_owned(), v)).into();
        let rendered = simulated.answered(&login).expect("a login is answered at once");
        let body: serde_json::Value = serde_json::from_slice(&rendered.body).expect("JSON");
        simulated.access_token = body["data"]["access_token"].as_str().expect("a token").to_owned();
        simulated
    }

    /// The header of the session.
    pub fn authorization(&self) -> String {
        format!("token {}:{}", self.api_key, self.access_token)
    }

    /// Hands a request in; its number.
    pub fn ask(&mut self, request: &Request) -> RequestId {
        self.requests += 1;
        self.world.request(self.requests, request);
        self.requests
    }

    /// The answer to a request, if it is the very next delivery.
    pub fn answered(&mut self, request: &Request) -> Option<Rendered> {
        let id = self.ask(request);
        match self.world.next_delivery()? {
            Delivery::Reply(whose, rendered) if whose == id => Some(rendered),
            other => panic!("asked {id}, got {other:?}"),
        }
    }
}
