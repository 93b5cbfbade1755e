//! The real binary in the lab: real docker, kind, Kubernetes, CloudNativePG and PostgreSQL. `make test` builds the lab
//! and runs this; by hand it is `tests/lab/lab up && cargo test --test real`.
//!
//! A cluster is dear, so the facts share one and are checked in the order below. Each leaves the cluster as it found
//! it. A fact that fails does not stop the others, and the cluster is removed at the end in any case.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and this one is its own runner"
)]

#[path = "../common/mod.rs"]
mod common;
mod dev_container;
mod facts;
mod feature;
mod lab;
mod lesson;
mod pins;
mod released;
mod scenario;
mod snapshot;
#[path = "../common/terminal.rs"]
mod terminal;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use lab::Lab;

type Fact = (&'static str, fn(&Lab));

/// In the order in which they are checked.
const FACTS: &[Fact] = &[
    ("the_mirror_has_everything_that_is_pinned", pins::the_mirror_has_everything_that_is_pinned),
    ("one_changed_byte_and_one_moved_tag_are_seen", pins::one_changed_byte_and_one_moved_tag_are_seen),
    ("a_node_image_that_is_none_is_told_with_kinds_words", facts::a_node_image_that_is_none_is_told_with_kinds_words),
    (
        "a_cluster_that_is_not_ours_is_refused_and_left_alone",
        facts::a_cluster_that_is_not_ours_is_refused_and_left_alone,
    ),
    ("an_interrupted_install_goes_on_where_it_was", facts::an_interrupted_install_goes_on_where_it_was),
    ("from_nothing_to_the_proof", facts::from_nothing_to_the_proof),
    ("a_second_up_changes_nothing_and_proves_again", facts::a_second_up_changes_nothing_and_proves_again),
    ("a_cluster_whose_kubeconfig_was_lost_is_kept", facts::a_cluster_whose_kubeconfig_was_lost_is_kept),
    ("nodes_are_not_removed_unasked", facts::nodes_are_not_removed_unasked),
    ("verify_says_that_everything_holds", facts::verify_says_that_everything_holds),
    ("status_tells_the_nodes_and_their_subscriptions", facts::status_tells_the_nodes_and_their_subscriptions),
    ("the_statements_of_the_documentation_work", facts::the_statements_of_the_documentation_work),
    ("a_pull_that_fails_is_told_at_once", facts::a_pull_that_fails_is_told_at_once),
    (
        "a_subscription_that_is_off_is_told_and_fails_the_proof",
        facts::a_subscription_that_is_off_is_told_and_fails_the_proof,
    ),
    ("a_node_that_hears_late_does_not_fail_the_proof", facts::a_node_that_hears_late_does_not_fail_the_proof),
    ("a_stopped_cluster_is_started_and_proven_again", facts::a_stopped_cluster_is_started_and_proven_again),
    ("a_paused_cluster_is_woken", facts::a_paused_cluster_is_woken),
    ("a_cluster_that_does_not_become_ready_is_told", facts::a_cluster_that_does_not_become_ready_is_told),
    (
        "down_leaves_nothing_and_the_users_kubeconfig_as_it_was",
        facts::down_leaves_nothing_and_the_users_kubeconfig_as_it_was,
    ),
    ("workers_get_their_images_from_the_first_node", facts::workers_get_their_images_from_the_first_node),
    ("the_lesson_can_be_followed", lesson::the_lesson_can_be_followed),
    ("the_feature_passes_its_own_tests", feature::the_feature_passes_its_own_tests),
    ("the_features_readme_is_that_of_its_manifest", feature::the_features_readme_is_that_of_its_manifest),
    ("the_feature_can_be_published_and_used", feature::the_feature_can_be_published_and_used),
    ("a_dev_container_prepares_itself_and_comes_back", dev_container::a_dev_container_prepares_itself_and_comes_back),
    ("the_scenario_can_be_played", scenario::the_scenario_can_be_played),
    ("a_small_machine_gets_two_nodes", scenario::a_small_machine_gets_two_nodes),
    ("the_first_page_always_ends_and_says_how", scenario::the_first_page_always_ends_and_says_how),
    ("a_background_that_is_killed_is_told", scenario::a_background_that_is_killed_is_told),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let lab = Lab::enter(lab::CLUSTERS);
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, fact) in
        FACTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part)))
    {
        println!("test {name} ...");
        let started = Instant::now();
        let held = catch_unwind(AssertUnwindSafe(|| fact(&lab))).is_ok();
        println!("test {name} ... {} ({:.1} s)", if held { "ok" } else { "FAILED" }, started.elapsed().as_secs_f64());
        if held { passed += 1 } else { failed.push(*name) }
    }
    scenario::leave(&lab);
    feature::leave(&lab);
    lab.leave();
    if !failed.is_empty() {
        println!("\nfailed:\n    {}", failed.join("\n    "));
    }
    println!("\n{passed} passed, {} failed", failed.len());
    if failed.is_empty() && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
