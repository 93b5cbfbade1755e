//! The wish that the program should end: once is a request, which is honoured in order; twice is an order.

use tokio::sync::watch;

/// Counts the signals that asked for the end. Cheap to clone; all clones see the same.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    asked: watch::Sender<u32>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { asked: watch::Sender::new(0) }
    }

    /// Asks for the end, once more.
    pub(crate) fn ask(&self) {
        self.asked.send_modify(|times| *times += 1);
    }

    /// Returns as soon as the end was asked for; never otherwise.
    pub(crate) async fn asked(&self) {
        self.asked_times(1).await;
    }

    /// Returns as soon as the end was asked for again: whoever asks twice does not want to wait.
    pub(crate) async fn insisted(&self) {
        self.asked_times(2).await;
    }

    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow() >= 1
    }

    pub(crate) fn is_insisted(&self) -> bool {
        *self.asked.borrow() >= 2
    }

    async fn asked_times(&self, wanted: u32) {
        // The sender lives in `self`, so the wait ends by its condition alone.
        let _ = self.asked.subscribe().wait_for(|times| *times >= wanted).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_first_is_a_request_and_the_second_an_order() {
        let stop = Stop::new();
        assert!(stop.asked().now_or_never().is_none());
        stop.clone().ask();
        assert!(stop.asked().now_or_never().is_some() && stop.insisted().now_or_never().is_none());
        stop.ask();
        assert!(stop.insisted().now_or_never().is_some());
    }
}
