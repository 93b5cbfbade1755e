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

mod adopt;
mod bulk;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/checkout.rs"]
mod common_checkout;
mod dev_container;
mod facts;
mod feature;
mod kubeconfig;
mod lab;
mod lesson;
mod operators;
mod owner;
mod pins;
mod release;
mod released;
mod replication;
mod scenario;
mod snapshot;
#[path = "../common/terminal.rs"]
mod terminal;
mod unsent;

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
    ("a_cluster_belongs_to_the_home_that_made_it", owner::a_cluster_belongs_to_the_home_that_made_it),
    (
        "nodes_are_found_and_mended_when_all_around_them_was_pruned",
        owner::nodes_are_found_and_mended_when_all_around_them_was_pruned,
    ),
    (
        "a_node_that_was_taken_off_its_network_is_connected_again",
        owner::a_node_that_was_taken_off_its_network_is_connected_again,
    ),
    (
        "a_kubernetes_node_whose_container_was_removed_is_told_at_once",
        owner::a_kubernetes_node_whose_container_was_removed_is_told_at_once,
    ),
    ("a_lost_home_is_repaired_after_it_was_shown", owner::a_lost_home_is_repaired_after_it_was_shown),
    ("an_interrupted_install_goes_on_where_it_was", facts::an_interrupted_install_goes_on_where_it_was),
    ("from_nothing_to_the_proof", facts::from_nothing_to_the_proof),
    ("a_second_up_changes_nothing_and_proves_again", facts::a_second_up_changes_nothing_and_proves_again),
    ("a_cluster_whose_kubeconfig_was_lost_is_kept", facts::a_cluster_whose_kubeconfig_was_lost_is_kept),
    (
        "a_kubeconfig_that_leads_to_another_server_is_written_anew_and_nobody_goes_there",
        kubeconfig::a_kubeconfig_that_leads_to_another_server_is_written_anew_and_nobody_goes_there,
    ),
    ("nodes_are_not_removed_unasked", facts::nodes_are_not_removed_unasked),
    (
        "the_cluster_that_kubectl_would_use_is_the_one_that_is_adopted",
        adopt::the_cluster_that_kubectl_would_use_is_the_one_that_is_adopted,
    ),
    (
        "a_user_with_too_few_rights_is_told_all_of_them_before_anything_is_written",
        adopt::a_user_with_too_few_rights_is_told_all_of_them_before_anything_is_written,
    ),
    (
        "a_foreign_operator_is_used_or_refused_before_anything_is_written",
        adopt::a_foreign_operator_is_used_or_refused_before_anything_is_written,
    ),
    (
        "a_foreign_cloudnative_pg_is_used_or_refused_by_its_version",
        adopt::a_foreign_cloudnative_pg_is_used_or_refused_by_its_version,
    ),
    (
        "a_corefile_that_is_not_taken_is_told_within_half_a_minute_and_mended_where_it_is_ours",
        adopt::a_corefile_that_is_not_taken_is_told_within_half_a_minute_and_mended_where_it_is_ours,
    ),
    ("verify_says_that_everything_holds", facts::verify_says_that_everything_holds),
    ("status_tells_the_nodes_and_their_subscriptions", facts::status_tells_the_nodes_and_their_subscriptions),
    ("the_statements_of_the_documentation_work", facts::the_statements_of_the_documentation_work),
    ("a_pull_that_fails_is_told_at_once", facts::a_pull_that_fails_is_told_at_once),
    (
        "a_subscription_that_is_off_is_told_and_fails_the_proof",
        facts::a_subscription_that_is_off_is_told_and_fails_the_proof,
    ),
    ("a_proof_that_fails_leaves_replication_as_it_was", replication::a_proof_that_fails_leaves_replication_as_it_was),
    (
        "a_discarded_transaction_is_told_until_it_is_acknowledged",
        replication::a_discarded_transaction_is_told_until_it_is_acknowledged,
    ),
    (
        "a_disabled_subscription_is_enabled_by_the_next_up",
        replication::a_disabled_subscription_is_enabled_by_the_next_up,
    ),
    (
        "what_spock_has_disabled_is_told_with_its_reason_and_the_hint_enables_it",
        replication::what_spock_has_disabled_is_told_with_its_reason_and_the_hint_enables_it,
    ),
    (
        "a_subscription_that_is_initializing_is_waited_for",
        replication::a_subscription_that_is_initializing_is_waited_for,
    ),
    (
        "what_is_written_without_a_slot_is_told_until_it_is_acknowledged",
        unsent::what_is_written_without_a_slot_is_told_until_it_is_acknowledged,
    ),
    (
        "subscriptions_that_are_ahead_of_their_provider_are_made_anew_by_the_hint",
        unsent::subscriptions_that_are_ahead_of_their_provider_are_made_anew_by_the_hint,
    ),
    (
        "a_refused_output_plugin_is_told_and_the_hint_mends_it",
        replication::a_refused_output_plugin_is_told_and_the_hint_mends_it,
    ),
    ("a_node_that_hears_late_does_not_fail_the_proof", facts::a_node_that_hears_late_does_not_fail_the_proof),
    (
        "what_others_broke_of_the_operators_is_named_and_mended",
        operators::what_others_broke_of_the_operators_is_named_and_mended,
    ),
    (
        "a_cluster_dns_without_pods_is_named_before_its_symptoms_and_mended",
        operators::a_cluster_dns_without_pods_is_named_before_its_symptoms_and_mended,
    ),
    ("a_stopped_cluster_is_started_and_proven_again", facts::a_stopped_cluster_is_started_and_proven_again),
    (
        "a_network_that_was_pruned_is_made_anew_and_the_proof_follows",
        owner::a_network_that_was_pruned_is_made_anew_and_the_proof_follows,
    ),
    ("a_paused_cluster_is_woken", facts::a_paused_cluster_is_woken),
    ("a_cluster_that_does_not_become_ready_is_told", facts::a_cluster_that_does_not_become_ready_is_told),
    ("what_was_installed_by_hand_is_ours", release::what_was_installed_by_hand_is_ours),
    (
        "a_killed_first_installation_in_another_namespace_is_gone_on_with",
        release::a_killed_first_installation_in_another_namespace_is_gone_on_with,
    ),
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

/// What is too long for `make test`; `--soak` asks for these alone.
const SOAK: &[Fact] = &[
    (
        "bulk_loads_in_one_transaction_leave_the_nodes_alive_and_equal",
        bulk::bulk_loads_in_one_transaction_leave_the_nodes_alive_and_equal,
    ),
    (
        "bulk_loads_in_batches_leave_the_nodes_alive_and_equal",
        bulk::bulk_loads_in_batches_leave_the_nodes_alive_and_equal,
    ),
];

fn main() -> ExitCode {
    let facts = if std::env::args().any(|argument| argument == "--soak") { SOAK } else { FACTS };
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let lab = Lab::enter(lab::CLUSTERS);
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, fact) in
        facts.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part)))
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
