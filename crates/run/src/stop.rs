//! The wish that the program should end: once is a request, which is honoured in order; twice is an order.

use tokio::sync::watch;

/// Counts the signals that asked for the end. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: watch::Sender<u32>,
}

impl Stop {
    /// Asks for the end, once more.
    pub fn ask(&self) {
        self.asked.send_modify(|times| *times += 1);
    }

    /// Returns as soon as the end was asked for; never otherwise.
    pub async fn asked(&self) {
        self.asked_times(1).await;
    }

    /// Returns as soon as the end was asked for again: whoever asks twice does not want to wait.
    pub async fn insisted(&self) {
        self.asked_times(2).await;
    }

    /// Whether the end was asked for, at least once.
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow() >= 1
    }

    /// Whether the end was asked for more than once.
    pub fn is_insisted(&self) -> bool {
        *self.asked.borrow() >= 2
    }

    async fn asked_times(&self, wanted: u32) {
        // The sender lives in `self`, so the wait ends by its condition alone.
        let _ = self.asked.subscribe().wait_for(|times| *times >= wanted).await;
    }
}

/// The program was asked to end before its command came to a result, and nothing has been told of that yet.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_first_is_a_request_and_the_second_an_order() {
        let stop = Stop::default();
        assert!(stop.asked().now_or_never().is_none());
        stop.clone().ask();
        assert!(stop.asked().now_or_never().is_some() && stop.insisted().now_or_never().is_none());
        stop.ask();
        assert!(stop.insisted().now_or_never().is_some());
    }
}
