//! Bulk loads: too long for `make test`, so `make soak` runs them. `cargo test --test real -- --soak` does, too, and
//! `--rounds=3` makes them shorter.
//!
//! What is proven is the arithmetic of `src/steps/release/memory.rs`: a node of the product's size takes a load that is far
//! bigger than its memory, while it is proven that replication works.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::proof;
use crate::lab::{Lab, ran};

const NODES: [&str; 3] = ["n1", "n2", "n3"];
const ROWS: u64 = 2_000_000;
const ROUNDS: usize = 10;
const BATCH: u64 = 10_000;

/// How long the rows of one load may take to every node.
const ARRIVAL: Duration = Duration::from_secs(900);

/// Between the end of a proof and the next one.
const PAUSE: Duration = Duration::from_secs(3);

/// A proof has two minutes; the rest is for a busy machine's processes.
const VERDICT: Duration = Duration::from_secs(130);

pub(crate) fn bulk_loads_in_one_transaction_leave_the_nodes_alive_and_equal(lab: &Lab) {
    loads(lab, &format!("INSERT INTO bulk SELECT g, repeat('x', 80) FROM generate_series(1, {ROWS}) g"));
}

pub(crate) fn bulk_loads_in_batches_leave_the_nodes_alive_and_equal(lab: &Lab) {
    loads(
        lab,
        &format!(
            "DO $do$ BEGIN FOR batch IN 0..{} LOOP \
               INSERT INTO bulk SELECT g, repeat('x', 80) FROM generate_series(batch * {BATCH} + 1, (batch + 1) * {BATCH}) g; COMMIT; \
             END LOOP; END $do$",
            ROWS / BATCH - 1
        ),
    );
}

fn rounds() -> usize {
    std::env::args()
        .find_map(|argument| argument.strip_prefix("--rounds=").map(|number| number.parse().unwrap()))
        .unwrap_or(ROUNDS)
}

/// The same load again and again, into a table without a key, as pgbench fills its own.
fn loads(lab: &Lab, load: &str) {
    let up = lab.run(&["--local"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    for setting in ["shared_buffers", "maintenance_work_mem", "logical_decoding_work_mem", "max_connections"] {
        println!("  {setting} {}", lab.sql("n1", &format!("SHOW {setting}")));
    }
    let pods_before = NODES.map(|node| pod(lab, node));
    for round in 1..=rounds() {
        let meters = NODES.map(|node| Meter::start(lab, node));
        let (stop, stopped) = channel();
        let (written, everywhere, proofs) = std::thread::scope(|scope| {
            let proofs = scope.spawn(move || prove_until(lab, &stopped));
            let measured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load_once(lab, load)));
            drop(stop);
            let proofs = proofs.join().unwrap();
            let (written, everywhere) = measured.unwrap_or_else(|why| std::panic::resume_unwind(why));
            (written, everywhere, proofs)
        });
        let used = meters.map(Meter::end);
        let held = proofs.iter().filter(|proof| proof.held).count();
        let longest = proofs.iter().map(|proof| proof.took).max().unwrap_or_default();
        println!(
            "  load {round}: written in {:.1} s, everywhere after {:.1} s; {} proofs beside it, {held} held, {} late, longest {:.1} s; {}",
            written.as_secs_f64(),
            everywhere.as_secs_f64(),
            proofs.len(),
            proofs.len() - held,
            longest.as_secs_f64(),
            used.join(", ")
        );
        for (node, before) in NODES.iter().zip(&pods_before) {
            assert_eq!(&pod(lab, node), before, "{node}: a container was started again");
            assert_eq!(killed(lab, node), 0, "{node}: the kernel has killed for memory");
            assert_eq!(
                lab.sql(node, "SELECT count(*) FROM spock.exception_log"),
                "0",
                "{node} has thrown something away"
            );
        }
        let sums = NODES.map(|node| lab.sql(node, "SELECT count(*), sum(id) FROM bulk"));
        assert!(sums.iter().all(|sum| *sum == format!("{ROWS}|{}", ROWS * (ROWS + 1) / 2)), "{sums:?}");
        lab.sql("n1", "DROP TABLE bulk, bulk_is_written");
        for node in &NODES[1..] {
            becomes(lab, node, "NOT EXISTS (SELECT FROM pg_class WHERE relname = 'bulk')");
        }
    }
    let prove = lab.run(&["prove", "--output", "json"]);
    assert_eq!(prove.code, 0, "after all of it: {}", prove.stderr);
    assert_eq!(proof::check(&serde_json::from_str(&prove.stdout).unwrap()), Ok(()));
}

/// How long the writing took, and how long until all nodes had everything: the second table comes behind the rows of the first.
fn load_once(lab: &Lab, load: &str) -> (Duration, Duration) {
    lab.sql("n1", "CREATE TABLE bulk (id bigint, filler text)");
    let started = Instant::now();
    lab.sql("n1", load);
    let written = started.elapsed();
    lab.sql("n1", "CREATE TABLE bulk_is_written (id int)");
    for node in &NODES[1..] {
        becomes(lab, node, "EXISTS (SELECT FROM pg_class WHERE relname = 'bulk_is_written')");
    }
    (written, started.elapsed())
}

/// The server waits, so that a wait is one session and not hundreds. The condition must look into a table: what a session knows
/// by name it keeps until its transaction ends.
fn becomes(lab: &Lab, node: &str, condition: &str) {
    let statement = format!(
        "DO $do$ DECLARE patience timestamptz := clock_timestamp() + interval '{} s'; BEGIN \
           WHILE NOT ({condition}) LOOP \
             IF clock_timestamp() > patience THEN RAISE 'not true within {0} s: %', $q${condition}$q$; END IF; \
             PERFORM pg_sleep(0.2); \
           END LOOP; END $do$",
        ARRIVAL.as_secs()
    );
    lab.sql(node, &statement);
}

struct Proof {
    held: bool,
    took: Duration,
}

/// Proves every few seconds until it is told to stop. Whether rows come in time beside a load depends on the machine; that
/// each proof says whether they did does not.
fn prove_until(lab: &Lab, stopped: &Receiver<()>) -> Vec<Proof> {
    let mut proofs = Vec::new();
    loop {
        let started = Instant::now();
        let ran = lab.run(&["prove", "--output", "json"]);
        let took = started.elapsed();
        assert!(took < VERDICT, "a proof took {took:?}: {}", ran.stderr);
        let held = ran.code == 0;
        if held {
            let matrix: Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(matrix["reads"].as_array().map(Vec::len), Some(6), "{matrix}");
        } else {
            assert!(ran.code == 1 && ran.stderr.contains("(proof-failed)"), "no verdict: {}", ran.told());
        }
        proofs.push(Proof { held, took });
        if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            return proofs;
        }
    }
}

/// Which pod and which start of its containers a node is.
fn pod(lab: &Lab, node: &str) -> Value {
    let ran = lab.tool(&["kubectl", "get", "pod", &format!("pgedge-{node}-1"), "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let pod: Value = serde_json::from_str(&ran.stdout).unwrap();
    let containers = pod["status"]["containerStatuses"].as_array().unwrap();
    let starts: Vec<Value> = containers
        .iter()
        .map(|container| serde_json::json!([container["name"], container["restartCount"], container["lastState"]]))
        .collect();
    serde_json::json!([pod["metadata"]["uid"], starts])
}

/// The shell's words for where a container finds its own memory's figures, with either version of cgroups.
const FIGURES: &str = "cd /sys/fs/cgroup; if [ -d memory ]; then cd memory; fi; ";

fn in_pod(lab: &Lab, node: &str, script: &str) -> Command {
    let mut command = lab.tool_command(&["kubectl", "exec", "-i", &format!("pgedge-{node}-1"), "-c", "postgres", "--"]);
    command.args(["bash", "-c", &format!("{FIGURES}{script}")]);
    command
}

fn numbers(output: &str) -> Vec<u64> {
    output.split_whitespace().map(|word| word.parse().unwrap_or_else(|_| panic!("not numbers: {output}"))).collect()
}

/// How often the kernel has killed a process of the container for its memory. One that is a child of the server does not end
/// the container.
fn killed(lab: &Lab, node: &str) -> u64 {
    let script = "cat memory.events memory.oom_control 2> /dev/null | while read -r name number; do [ $name != oom_kill ] || echo $number; done";
    let ran = ran(&in_pod(lab, node, script).stdin(Stdio::null()).output().unwrap());
    let numbers = numbers(&ran.stdout);
    assert!(
        ran.code == 0 && numbers.len() == 1,
        "{node} does not say how often it was killed: {}{}",
        ran.stdout,
        ran.stderr
    );
    numbers[0]
}

/// Looks at a container's memory twice a second.
struct Meter {
    node: &'static str,
    looks: Child,
}

impl Meter {
    /// The peak that the kernel keeps has all that was read from the disk in it. What cannot be given back without a swap is
    /// what processes have for themselves and what they share.
    fn start(lab: &Lab, node: &'static str) -> Self {
        let script = "most=0; while read -r -t 0.5 _; [ $? -gt 128 ]; do \
               sum=0; while read -r name number; do case $name in total_rss|total_shmem|anon|shmem) sum=$((sum + number)) ;; esac; done < memory.stat; \
               [ $sum -le $most ] || most=$sum; \
             done; echo $most; cat memory.peak memory.max_usage_in_bytes 2> /dev/null | head -1";
        let looks = in_pod(lab, node, script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { node, looks }
    }

    /// For a person: it ends when its input does.
    fn end(mut self) -> String {
        drop(self.looks.stdin.take());
        let mut printed = String::new();
        self.looks.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(self.looks.wait().unwrap().success(), "{} does not tell its memory: {printed}", self.node);
        let mib: Vec<String> =
            numbers(&printed).iter().map(|bytes| format!("{:.0}", *bytes as f64 / f64::from(1 << 20))).collect();
        let [used, peak] = mib.as_slice() else { panic!("{} does not tell its memory: {printed}", self.node) };
        format!("{} {used} MiB in use, peak {peak} MiB", self.node)
    }
}
