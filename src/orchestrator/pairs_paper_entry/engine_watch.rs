//! Whether the engine's thread turns: it is asked once a second, in its turn, and has turned when it answers.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::facts::EngineTeller;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Asks until an answer fails; the error then is why. `ask` queues something for the thread that does nothing, and
/// resolves when it was done.
pub async fn watch_engine<F, E>(teller: Arc<EngineTeller>, clock: Clock, mut ask: impl FnMut() -> F) -> E
where
    F: Future<Output = Result<(), E>>,
{
    loop {
        if let Err(error) = ask().await {
            return error;
        }
        teller.turned(clock.now());
        tokio::time::sleep(EVERY).await;
    }
}
