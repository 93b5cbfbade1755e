//! Work that keeps a processor busy: hashing, unpacking, reading half a million lines of YAML.

use std::sync::{Arc, LazyLock};
use std::thread;

use anyhow::{Context as _, Result};
use tokio::sync::Semaphore;

/// One for each processor of this machine: more at once would only take from one another, and from the programs that
/// the run has started.
static PROCESSORS: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, usize::from))));

/// Runs something that computes, or blocks on the disk, away from the threads that serve the network, when a processor
/// is free for it.
///
/// # Errors
/// Those of `work`; that it panicked is a defect.
pub async fn heavy<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let permit = Arc::clone(&PROCESSORS).acquire_owned().await.context("the processors are never closed")?;
    let worker = tokio::task::spawn_blocking(move || {
        // With the work, and not with whoever waits for it: it goes on when that one is cancelled.
        let _permit = permit;
        work()
    });
    worker.await.context("a worker thread died")?
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the work of this test is to take a while")]
    async fn no_more_at_once_than_processors_also_when_nobody_waits_any_more() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let processors = thread::available_parallelism().unwrap().get();
        let piece = || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            heavy(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(5));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        for _ in 0..processors {
            // Polled until it has begun, and forgotten.
            let _ = tokio::time::timeout(Duration::from_millis(1), piece()).await;
        }
        futures::future::try_join_all((0..processors * 8).map(|_| piece())).await.unwrap();
        assert!(most.load(Ordering::SeqCst) <= processors, "{most:?} at once on {processors} processors");
    }
}
