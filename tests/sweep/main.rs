//! The kill sweep: `up` is killed at random moments, and `up` again must go on to the proof and leave nothing behind.
//!
//! `cargo test --test sweep -- --moments 60 --helm 60`, or `make sweep`. Everything random is drawn from one seed, which is
//! printed: with the seed, and with the length that is printed beside a failure, a moment can be repeated.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one is its own runner")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/checkout.rs"]
mod common_checkout;
mod helm;
mod moment;
mod processes;
mod run;
mod tidy;
mod trial;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use common::lab::Lab;
use helm::HelmMoment;
use moment::Moment;
use trial::{Report, Sweep};

/// The cluster of the sweep.
const NAME: &str = common_checkout::of_this_checkout!("pgedge-lab-sweep");

/// Kill `up` at random moments and see whether `up` again goes on to the proof
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// How many moments
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    moments: usize,
    /// Draw the moments from this seed; a random one if none is given
    #[arg(long)]
    seed: Option<u64>,
    /// The moments lie within so much of a run, in place of the whole of one, which is measured first
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    within: Option<Duration>,
    /// How many moments in helm's first tenth of a second, in one cluster
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    helm: usize,
    /// Try only this one of the moments, or these, such as 21-40
    #[arg(long, value_name = "NUMBER", value_parser = parse_range)]
    only: Option<RangeInclusive<usize>>,
}

fn parse_range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse().map_err(|error| format!("{text:?}: {error}"));
    Ok(number(first)?..=number(last)?)
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    // All are drawn, so that a moment is the same one whether those before it are tried or not.
    let mut moments: Vec<Moment> = (1..=arguments.moments).map(|number| Moment::draw(&mut random, number)).collect();
    moments.retain(|moment| arguments.only.as_ref().is_none_or(|only| only.contains(&moment.number)));
    // With draws of their own, so that they are the same however many others there are.
    let mut random = fastrand::Rng::with_seed(seed);
    let mut helm: Vec<HelmMoment> = (1..=arguments.helm).map(|number| HelmMoment::draw(&mut random, number)).collect();
    helm.retain(|moment| arguments.only.as_ref().is_none_or(|only| only.contains(&moment.number)));
    println!("seed {seed}, {} moments, {} of helm's", moments.len(), helm.len());

    let lab = Lab::enter(&[NAME]);
    let outputs = tempfile::tempdir().unwrap();
    let sweep = match Sweep::prepare(lab, outputs.path(), arguments.within) {
        Ok(sweep) => sweep,
        Err(why) => {
            println!(
                "an uninterrupted `up` does not do what it should: {why}\nits output: {}",
                kept(outputs).display()
            );
            return ExitCode::FAILURE;
        }
    };
    let mut stages: BTreeMap<String, usize> = BTreeMap::new();
    let mut failed = Vec::new();
    for moment in &moments {
        let report = sweep.try_moment(moment);
        println!("{}", line(&format!("moment {}", moment.number), &report, &sweep.folder(moment)));
        for stage in &report.stages {
            *stages.entry(stage.clone()).or_default() += 1;
        }
        if report.complaints.is_empty() {
            std::fs::remove_dir_all(sweep.folder(moment)).unwrap();
        } else {
            failed.push(format!("--moments {} --only {}", arguments.moments, moment.number));
        }
    }
    failed.extend(try_helm(&sweep, outputs.path(), &helm, arguments.helm));
    sweep.lab.leave();

    let seconds = sweep.length.as_secs_f64();
    let stages: Vec<String> = stages.iter().map(|(stage, moments)| format!("{stage} {moments}")).collect();
    println!("\nmoments with a step of a stage running: {}", stages.join(", "));
    for which in &failed {
        println!("repeat: cargo test --test sweep -- --seed {seed} {which} --within {seconds:.3}");
    }
    let tried = moments.len() + helm.len();
    println!("seed {seed}: {} passed, {} failed", tried.saturating_sub(failed.len()), failed.len());
    if failed.is_empty() && tried > 0 {
        return ExitCode::SUCCESS;
    }
    println!("outputs: {}", kept(outputs).display());
    ExitCode::FAILURE
}

/// Tries those in helm's first tenth of a second; how those that failed can be repeated.
fn try_helm(sweep: &Sweep, outputs: &Path, moments: &[HelmMoment], of: usize) -> Vec<String> {
    if moments.is_empty() {
        return Vec::new();
    }
    if let Err(why) = sweep.prepare_for_helm() {
        println!("there is no cluster for helm's moments: {why}");
        return moments.iter().map(|moment| format!("--moments 0 --helm {of} --only {}", moment.number)).collect();
    }
    let mut failed = Vec::new();
    for moment in moments {
        let folder = outputs.join(format!("helm-{}", moment.number));
        let report = sweep.try_helm_moment(moment, &folder);
        println!("{}", line(&format!("helm moment {}", moment.number), &report, &folder));
        if report.complaints.is_empty() {
            std::fs::remove_dir_all(folder).unwrap();
        } else {
            failed.push(format!("--moments 0 --helm {of} --only {}", moment.number));
        }
    }
    let left = sweep.end_helm();
    if !left.is_empty() {
        println!("after helm's moments: {}", left.join("\n"));
        failed.push(format!("--moments 0 --helm {of}"));
    }
    failed
}

/// What a person reads of a moment.
fn line(name: &str, report: &Report, folder: &Path) -> String {
    let running = if report.running.is_empty() { "nothing".to_owned() } else { report.running.join(", ") };
    let again = report.again.map_or_else(String::new, |took| format!("; up again took {:.1} s", took.as_secs_f64()));
    let verdict = if report.complaints.is_empty() {
        "ok".to_owned()
    } else {
        let complaints = report.complaints.join("\n").replace('\n', "\n    ");
        format!("FAILED\n    {complaints}\n    outputs: {}", folder.display())
    };
    let (at, blow) = (report.at.as_secs_f64(), &report.blow);
    format!("{name}: at {at:.1} s {blow}, while there ran {running}{again} ... {verdict}")
}

/// The folder, which is not removed at the end then.
fn kept(folder: tempfile::TempDir) -> std::path::PathBuf {
    folder.keep()
}
