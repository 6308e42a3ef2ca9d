//! Which action a method and a path ask for.
//!
//! It looks at no parameter and no state. `broker` calls it.

use super::request::Method;
use crate::kite::KiteError;

/// What a request asks for, with the variable parts of its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action<'a> {
    Login,
    OpenSession,
    CloseSession,
    Profile,
    Margins(Option<&'a str>),
    Orders,
    History(&'a str),
    Place(&'a str),
    Modify { variety: &'a str, id: &'a str },
    Cancel { variety: &'a str, id: &'a str },
    Trades,
    OrderTrades(&'a str),
    Positions,
    Holdings,
    HoldingAuctions,
    Instruments(Option<&'a str>),
    Candles { token: &'a str, interval: &'a str },
    Quote,
    Ohlc,
    Ltp,
}

/// The action of a request.
///
/// # Errors
///
/// 404 when no method knows the path, 405 when another does.
pub(super) fn action(method: Method, path: &str) -> Result<Action<'_>, KiteError> {
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    if let Some(action) = find(method, &parts) {
        return Ok(action);
    }
    let others = [Method::Get, Method::Post, Method::Put, Method::Delete];
    let known = others.into_iter().any(|other| find(other, &parts).is_some());
    Err(if known { KiteError::method_not_allowed() } else { KiteError::not_found() })
}

fn find<'a>(method: Method, parts: &[&'a str]) -> Option<Action<'a>> {
    match method {
        Method::Get => get(parts),
        Method::Post => match parts {
            ["session", "token"] => Some(Action::OpenSession),
            ["orders", variety] => Some(Action::Place(variety)),
            _ => None,
        },
        Method::Put => match parts {
            ["orders", variety, id] => Some(Action::Modify { variety, id }),
            _ => None,
        },
        Method::Delete => match parts {
            ["session", "token"] => Some(Action::CloseSession),
            ["orders", variety, id] => Some(Action::Cancel { variety, id }),
            _ => None,
        },
        Method::Other => None,
    }
}

fn get<'a>(parts: &[&'a str]) -> Option<Action<'a>> {
    Some(match parts {
        ["connect", "login"] => Action::Login,
        ["user", "profile"] => Action::Profile,
        ["user", "margins"] => Action::Margins(None),
        ["user", "margins", segment] => Action::Margins(Some(segment)),
        ["orders"] => Action::Orders,
        ["orders", id] => Action::History(id),
        ["orders", id, "trades"] => Action::OrderTrades(id),
        ["trades"] => Action::Trades,
        ["portfolio", "positions"] => Action::Positions,
        ["portfolio", "holdings"] => Action::Holdings,
        ["portfolio", "holdings", "auctions"] => Action::HoldingAuctions,
        ["instruments"] => Action::Instruments(None),
        ["instruments", exchange] => Action::Instruments(Some(exchange)),
        ["instruments", "historical", token, interval] => Action::Candles { token, interval },
        ["quote"] => Action::Quote,
        ["quote", "ohlc"] => Action::Ohlc,
        ["quote", "ltp"] => Action::Ltp,
        _ => return None,
    })
}
