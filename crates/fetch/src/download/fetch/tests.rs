//! Downloads that compete; how a single one goes wrong is in `tests/it/downloads.rs`, with the whole program.

use std::time::Duration;

use bootstrap_run::event::Events;
use bootstrap_run::event::recorder::Recorder;
use bootstrap_run::step::StepName;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;

#[tokio::test]
async fn a_download_waits_for_a_stream_and_says_so() {
    const FILES: usize = PARALLEL + 3;
    let (requested, opened) = (watch::Sender::new(0), watch::Sender::new(false));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (requests, gate) = (requested.clone(), opened.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (requests, mut gate) = (requests.clone(), gate.subscribe());
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                requests.send_modify(|requests| *requests += 1);
                gate.wait_for(|open| *open).await.unwrap();
                // The path is what the file holds.
                let body = line.split(' ').nth(1).unwrap();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            });
        }
    });
    let cache = tempfile::tempdir().unwrap();
    let (roots, mirror) = (TrustedRoots::load(None).unwrap(), Mirror::new(Some(&base)).unwrap());
    let fetcher = Fetcher::new(roots, mirror, Store::new(cache.path().to_owned())).unwrap();
    let waits = Arc::<Recorder>::default();
    let fetches = futures::future::try_join_all((0..FILES).map(|number| {
        let body = format!("/example.test/{number}");
        let sum = Sha256::of(&body);
        let reporter = StepReporter::new(StepName::fixed("chart"), Events::to(Arc::<Recorder>::clone(&waits)));
        let fetcher = &fetcher;
        async move { fetcher.fetch(&format!("https:/{body}"), &sum, &reporter).await }
    }));
    let release = async {
        requested.subscribe().wait_for(|requests| *requests == PARALLEL).await.unwrap();
        waits.until_waits(|waits| waits.len() == FILES - PARALLEL).await;
        assert_eq!(*requested.borrow(), PARALLEL, "only so many at once");
        opened.send_replace(true);
    };
    let both = async { tokio::join!(fetches, release) };
    let (files, ()) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    for (number, file) in files.unwrap().iter().enumerate() {
        assert_eq!(fs_err::read_to_string(file).unwrap(), format!("/example.test/{number}"));
    }
}
