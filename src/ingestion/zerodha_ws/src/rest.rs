//! Kite's REST: what is asked of it, what it answers, and a client that keeps to its limits.
//!
//! Answers are read by pure functions, checked and exact; `client` has the sockets. It places, changes and cancels no
//! order: nothing here can. The orchestrator and the command line call it. Source: Kite's documentation, "Response
//! structure", "Exceptions and errors", "API rate limit", and the pages of each request.

mod account;
mod answer;
mod candles;
mod client;
mod pace;
mod quotes;
#[cfg(test)]
mod tests;

pub use account::{Profile, Trade, orders, profile, session, trades};
pub use answer::{AnswerError, ApiError, ErrorType};
pub use candles::{Candle, Interval, RefusedCandle, candles};
pub use client::{Account, Client, ClientPlan, Historical, RestError};
pub use pace::{Bucket, RequestClass};
pub use quotes::{Quote, quotes};
