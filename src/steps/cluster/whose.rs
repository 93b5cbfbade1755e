//! Who owns a cluster, from the labels that docker shows. Pure.
//!
//! Kubernetes nodes, their volumes, the network, and the volume that claims the name carry the owner's id. The id is created
//! once and kept in `owner.id` beside the state directories of the clusters, so a cluster whose state directory is gone is
//! still ours. Kubernetes nodes, which hold the data, count more than what was created around them, and an owner's id counts
//! more than a name. Another owner's cluster is refused; one that this program did not create is never touched. A cluster of
//! a version that wrote no owner is ours if its state directory is here.

use crate::owner::Maker;
use crate::tools::docker::{Container, Thing};

/// What is known of a cluster of one name.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    /// That of the network that the cluster should be on, and of the volume by which the name is claimed.
    pub(super) network: &'a str,
    pub(super) containers: &'a [Container],
    /// The networks of that name.
    pub(super) networks: &'a [Thing],
    pub(super) claim: Option<&'a Thing>,
    /// The id of the owner of this state directory, if it has made anything yet.
    pub(super) own: Option<&'a str>,
    /// Whether this state directory has files of a cluster of this name.
    pub(super) remembered: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// There is nothing.
    Nobodys,
    Ours,
    /// Made by this program for another owner.
    Others(Maker),
    /// Not made by this program: what is in the way.
    Unknown(String),
}

impl Seen<'_> {
    pub(super) fn whose(&self) -> Whose {
        if let Some(claim) = self.claim
            && claim.cluster.as_deref() != Some(self.name)
        {
            return Whose::Unknown(format!("the volume {} has no label of this program", claim.id));
        }
        let containers: Vec<Whose> = self.containers.iter().map(|container| self.whose_container(container)).collect();
        let of_containers = containers.iter().find(|whose| matches!(whose, Whose::Unknown(_)));
        let of_containers = of_containers.or_else(|| containers.iter().find(|whose| **whose != Whose::Ours));
        match of_containers.or(containers.first()) {
            Some(whose) => whose.clone(),
            None => self.whose_surroundings(),
        }
    }

    fn whose_container(&self, container: &Container) -> Whose {
        if let Some(maker) = &container.maker {
            return self.by(maker);
        }
        // Docker tells no network of a container that it is just creating.
        if !container.networks.is_empty() && !container.networks.iter().any(|name| name == self.network) {
            let seen = format!("container {} is on network {}", container.name, container.networks.join(", "));
            return Whose::Unknown(seen);
        }
        let network_is_anothers =
            !self.networks.is_empty() && self.networks.iter().all(|network| network.cluster.is_none());
        if network_is_anothers && self.claim.is_none() {
            return Whose::Unknown(format!("the network {} has no label of this program", self.network));
        }
        self.whose_surroundings()
    }

    /// By what was made for a cluster beside its containers: the claim of its name, and its network, which may be pruned.
    fn whose_surroundings(&self) -> Whose {
        let makers = self.claim.into_iter().chain(self.networks).filter_map(|thing| thing.maker.as_ref());
        if let Some(maker) = makers.into_iter().next() {
            return self.by(maker);
        }
        let made_by_an_earlier_version = self.networks.iter().any(|network| network.cluster.is_some());
        match (self.containers.is_empty() && !made_by_an_earlier_version, self.remembered) {
            (true, _) => Whose::Nobodys,
            (false, true) => Whose::Ours,
            (false, false) => Whose::Others(Maker::default()),
        }
    }

    fn by(&self, maker: &Maker) -> Whose {
        if self.own == Some(maker.owner.as_str()) { Whose::Ours } else { Whose::Others(maker.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = "pgedge-bootstrap-lab";

    fn maker(owner: &str) -> Maker {
        let words = |text: &str| text.to_owned();
        Maker { owner: words(owner), user: words("ann"), host: words("desk"), since: words("2026-01-02T03:04:05Z") }
    }

    fn container(owner: Option<&str>, network: &str) -> Container {
        let networks = network.split_whitespace().map(str::to_owned).collect();
        Container {
            id: "1".to_owned(),
            name: "lab-control-plane".to_owned(),
            state: "exited".to_owned(),
            networks,
            maker: owner.map(maker),
        }
    }

    fn thing(owner: Option<&str>) -> Thing {
        Thing { id: NETWORK.to_owned(), cluster: Some("lab".to_owned()), maker: owner.map(maker) }
    }

    /// A network or volume that somebody has made by hand.
    fn of_nobody() -> Thing {
        Thing { cluster: None, ..thing(None) }
    }

    fn whose(containers: &[Container], networks: &[Thing], claim: Option<&Thing>, remembered: bool) -> Whose {
        let own = Some("me");
        Seen { name: "lab", network: NETWORK, containers, networks, claim, own, remembered }.whose()
    }

    #[test]
    fn nodes_with_our_id_are_ours_whatever_was_pruned_around_them() {
        let nodes = [container(Some("me"), NETWORK)];
        for networks in [vec![], vec![thing(Some("me"))], vec![thing(None)], vec![thing(Some("you"))]] {
            for claim in [None, Some(thing(Some("me"))), Some(thing(Some("you")))] {
                assert_eq!(whose(&nodes, &networks, claim.as_ref(), false), Whose::Ours, "{networks:?}");
            }
        }
        assert_eq!(whose(&[container(Some("me"), "bridge")], &[], None, false), Whose::Ours);
    }

    #[test]
    fn nodes_with_another_id_are_anothers_whatever_this_directory_remembers() {
        for nodes in [
            vec![container(Some("you"), NETWORK)],
            vec![container(Some("me"), NETWORK), container(Some("you"), NETWORK)],
        ] {
            assert_eq!(
                whose(&nodes, &[thing(Some("me"))], Some(&thing(Some("me"))), true),
                Whose::Others(maker("you"))
            );
        }
    }

    #[test]
    fn a_cluster_is_anothers_from_the_claim_of_its_name_on() {
        assert_eq!(whose(&[], &[], None, true), Whose::Nobodys);
        assert_eq!(whose(&[], &[], Some(&thing(Some("you"))), true), Whose::Others(maker("you")));
        assert_eq!(whose(&[], &[thing(Some("you"))], None, false), Whose::Others(maker("you")));
        assert_eq!(whose(&[], &[], Some(&thing(Some("me"))), false), Whose::Ours);
        assert_eq!(whose(&[], &[thing(Some("you"))], Some(&thing(Some("me"))), false), Whose::Ours);
    }

    #[test]
    fn a_cluster_of_an_earlier_version_is_ours_if_this_directory_has_its_files() {
        for (nodes, networks) in [
            (vec![container(None, NETWORK)], vec![thing(None)]),
            // Its network was pruned.
            (vec![container(None, NETWORK)], vec![]),
            // Docker is just creating it.
            (vec![container(None, "")], vec![thing(None)]),
            (vec![], vec![thing(None)]),
        ] {
            assert_eq!(whose(&nodes, &networks, None, true), Whose::Ours, "{nodes:?} {networks:?}");
            assert_eq!(
                whose(&nodes, &networks, None, false),
                Whose::Others(Maker::default()),
                "{nodes:?} {networks:?}"
            );
            // Once one of us has claimed it, it is known by that.
            assert_eq!(whose(&nodes, &networks, Some(&thing(Some("me"))), false), Whose::Ours);
            assert_eq!(whose(&nodes, &networks, Some(&thing(Some("you"))), true), Whose::Others(maker("you")));
        }
    }

    /// The node was made before nodes had an owner; its network was pruned, and somebody has made one of its name.
    #[test]
    fn a_network_that_somebody_has_made_by_hand_does_not_lock_a_claimed_cluster_in() {
        let (nodes, networks) = ([container(None, NETWORK)], [of_nobody()]);
        assert_eq!(whose(&nodes, &networks, Some(&thing(Some("me"))), false), Whose::Ours);
        assert_eq!(whose(&nodes, &networks, Some(&thing(Some("you"))), true), Whose::Others(maker("you")));
    }

    #[test]
    fn what_this_program_did_not_make_is_nobodys_to_remove() {
        let unknown = |whose: Whose| assert!(matches!(whose, Whose::Unknown(_)), "{whose:?}");
        for remembered in [true, false] {
            unknown(whose(&[container(None, "kind")], &[], None, remembered));
            unknown(whose(&[container(None, "kind")], &[thing(Some("me"))], Some(&thing(Some("me"))), remembered));
            unknown(whose(&[container(None, NETWORK)], &[of_nobody()], None, remembered));
            unknown(whose(&[container(Some("me"), NETWORK), container(None, "bridge")], &[], None, remembered));
            unknown(whose(&[], &[], Some(&of_nobody()), remembered));
        }
    }

    #[test]
    fn a_directory_without_an_id_owns_nothing_that_has_one() {
        let (nodes, networks) = ([container(Some("me"), NETWORK)], []);
        let seen = Seen { name: "lab", network: NETWORK, containers: &nodes, networks: &networks, ..Seen::default() };
        assert_eq!(seen.whose(), Whose::Others(maker("me")));
    }
}
