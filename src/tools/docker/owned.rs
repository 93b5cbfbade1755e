//! What we make in docker, and the labels by which it is known again: containers, volumes and a network for each cluster.

use std::collections::BTreeMap;

use anyhow::Result;
use bootstrap_run::failure::Failure;
use bootstrap_run::process::Finished;
use serde::Deserialize;

use super::engine::not_understood;
use super::words::tell_of_an_error;
use super::{Docker, KIND_LABEL, answer, ask, told_apart};
use crate::owner::{Maker, Owner, now};
use crate::patience;

/// The name of the cluster that a thing belongs to. All versions of this program write it on networks.
const CLUSTER: &str = "com.pgedge.bootstrap.cluster";

/// The id of the owner, which decides whose a thing is. The others are for people.
const OWNER: &str = "com.pgedge.bootstrap.owner";
const USER: &str = "com.pgedge.bootstrap.user";
const HOST: &str = "com.pgedge.bootstrap.host";
const SINCE: &str = "com.pgedge.bootstrap.since";

/// Of a run that is at work: its process, with its start where that is known, and its command.
pub(super) const PROCESS: &str = "com.pgedge.bootstrap.process";
pub(super) const COMMAND: &str = "com.pgedge.bootstrap.command";

/// The labels of a thing that is being made: `NAME=VALUE`.
pub(crate) fn labels(cluster: &str, owner: &Owner) -> Vec<String> {
    let plain = |text: &str| text.chars().filter(|letter| !letter.is_control()).take(64).collect::<String>();
    vec![
        format!("{CLUSTER}={cluster}"),
        format!("{OWNER}={}", owner.id),
        format!("{USER}={}", plain(&owner.user)),
        format!("{HOST}={}", plain(&owner.host)),
        format!("{SINCE}={}", now()),
    ]
}

/// A container of a kind cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) networks: Vec<String>,
    /// `None` if it carries no owner.
    pub(crate) maker: Option<Maker>,
}

impl Container {
    pub(crate) fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// A network, or a named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    /// What docker takes for this one and no other: networks may share a name.
    pub(crate) id: String,
    /// The cluster that we made it for; `None` if we did not make it.
    pub(crate) cluster: Option<String>,
    /// `None` if it carries no owner.
    pub(crate) maker: Option<Maker>,
}

/// A line of one of docker's lists.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(super) struct Row {
    #[serde(rename = "ID")]
    pub(super) id: String,
    names: String,
    state: String,
    networks: String,
    cluster: String,
    owner: String,
    user: String,
    pub(super) host: String,
    pub(super) since: String,
    pub(super) process: String,
    pub(super) command: String,
}

impl Row {
    /// The template of a line: these fields, and the labels.
    fn format(fields: &[(&str, &str)]) -> String {
        let fields = fields.iter().map(|(name, field)| format!(r#""{name}":{{{{json .{field}}}}}"#));
        let labels = [("Cluster", CLUSTER), ("Owner", OWNER), ("User", USER), ("Host", HOST), ("Since", SINCE)];
        let labels = labels.into_iter().chain([("Process", PROCESS), ("Command", COMMAND)]);
        let labels = labels.map(|(name, label)| format!(r#""{name}":{{{{json (.Label "{label}")}}}}"#));
        format!("{{{}}}", fields.chain(labels).collect::<Vec<_>>().join(","))
    }

    fn maker(&self) -> Option<Maker> {
        let Self { owner, user, host, since, .. } = self;
        let [owner, user, host, since] = [owner, user, host, since].map(Clone::clone);
        (!owner.is_empty()).then_some(Maker { owner, user, host, since })
    }

    fn into_container(self) -> Container {
        let networks = self.networks.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let maker = self.maker();
        Container { id: self.id, name: self.names, state: self.state, networks, maker }
    }

    pub(super) fn into_thing(self) -> Thing {
        let maker = self.maker();
        Thing { id: self.id, cluster: Some(self.cluster).filter(|cluster| !cluster.is_empty()), maker }
    }
}

impl Docker {
    /// The containers of a kind cluster in any state, by name.
    pub(crate) async fn kind_containers(&self, cluster: &str) -> Result<Vec<Container>> {
        let filter = format!("label={KIND_LABEL}={cluster}");
        let fields = [("ID", "ID"), ("Names", "Names"), ("State", "State"), ("Networks", "Networks")];
        let question = format!("list the containers of cluster {cluster:?}");
        let rows = self.list(&question, &["ps", "--all", "--filter", &filter], &fields).await?;
        if let Some(bare) = rows.iter().find(|row| row.names.is_empty() || row.state.is_empty()) {
            let why = "a container has a name and a state";
            return Err(not_understood(&question, bare.id.as_bytes(), why).into());
        }
        let mut containers: Vec<Container> = rows.into_iter().map(Row::into_container).collect();
        containers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(containers)
    }

    /// The networks of this name. docker lets two have the same one.
    pub(crate) async fn networks(&self, name: &str) -> Result<Vec<Thing>> {
        let filter = format!("name=^{name}$");
        let question = format!("list the networks that are called {name:?}");
        let rows = self.list(&question, &["network", "ls", "--no-trunc", "--filter", &filter], &[("ID", "ID")]).await?;
        Ok(rows.into_iter().map(Row::into_thing).collect())
    }

    /// The volumes that we made for a cluster, its nodes' among them, and that no container uses.
    pub(crate) async fn unused_volumes(&self, cluster: &str) -> Result<Vec<Thing>> {
        let filter = format!("label={CLUSTER}={cluster}");
        let question = format!("list the volumes of cluster {cluster:?} that no container uses");
        let arguments = ["volume", "ls", "--filter", "dangling=true", "--filter", &filter];
        let list = self.list(&question, &arguments, &[("ID", "Name")]).await?;
        Ok(list.into_iter().map(Row::into_thing).collect())
    }

    pub(crate) async fn create_network(&self, network: &str, labels: &[String]) -> Result<()> {
        let base = ["network", "create", "--driver", "bridge"];
        let labels = labels.iter().flat_map(|label| ["--label", label]);
        self.command(patience::DOCKER_ANSWERS)
            .args(base)
            .args(labels)
            .args([network])
            .stdout()
            .await
            .map(drop)
            .map_err(told_apart)
    }

    /// Makes a volume, or leaves the one that is there as it is: of two who ask at the same time, docker labels it for one.
    pub(crate) async fn create_volume(&self, volume: &str, labels: &[String]) -> Result<()> {
        let labels = labels.iter().flat_map(|label| ["--label", label]);
        let command = self.command(patience::DOCKER_ANSWERS).args(["volume", "create"]).args(labels).args([volume]);
        command.stdout().await.map(drop).map_err(told_apart)
    }

    pub(crate) async fn remove_networks(&self, networks: &[Thing]) -> Result<()> {
        self.remove_things(&["network", "rm"], networks).await
    }

    /// The names of the containers on a network that run.
    pub(crate) async fn guests(&self, network: &Thing) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Guest {
            name: String,
        }
        let id = &network.id;
        let question = format!("list the containers on network {id}");
        let command =
            self.command(patience::DOCKER_ANSWERS).args(["network", "inspect", "--format", "{{json .Containers}}", id]);
        let told = answer(command.purpose(&question, format!("docker network inspect {id}"))).await?.stdout;
        let guests: BTreeMap<String, Guest> =
            serde_json::from_slice(&told).map_err(|error| not_understood(&question, &told, &error.to_string()))?;
        Ok(guests.into_values().map(|guest| guest.name).collect())
    }

    pub(crate) async fn remove_volumes(&self, volumes: &[Thing]) -> Result<()> {
        self.remove_things(&["volume", "rm"], volumes).await
    }

    /// The id of the network that each container has under a name, by the container's id: that of a network that is no more,
    /// too, which keeps a stopped container from being started.
    pub(crate) async fn attached(&self, containers: &[Container], network: &str) -> Result<BTreeMap<String, String>> {
        #[derive(Deserialize)]
        struct Attached {
            id: String,
            networks: BTreeMap<String, Endpoint>,
        }
        #[derive(Deserialize)]
        struct Endpoint {
            #[serde(rename = "NetworkID")]
            network: String,
        }
        let format = r#"{"id":{{json .Id}},"networks":{{json .NetworkSettings.Networks}}}"#;
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        let question = format!("tell the networks of the containers {}", ids.join(", "));
        let by_hand = format!("docker inspect {}", ids.join(" "));
        let command = self
            .command(patience::DOCKER_ANSWERS)
            .args(["inspect", "--type", "container", "--format", format])
            .args(ids);
        let (mut attached, mut told) = (BTreeMap::new(), 0);
        let inspected = answer(command.purpose(&question, by_hand)).await?.stdout;
        for line in inspected.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let found: Attached =
                serde_json::from_slice(line).map_err(|error| not_understood(&question, line, &error.to_string()))?;
            // `docker ps` shortens ids.
            let Some(container) = containers.iter().find(|container| found.id.starts_with(&container.id)) else {
                continue;
            };
            told += 1;
            if let Some(endpoint) = found.networks.get(network) {
                attached.insert(container.id.clone(), endpoint.network.clone());
            }
        }
        // One that is not told would be taken for one that is on no network.
        if told < containers.len() {
            let why = "it is to tell of each of them";
            return Err(not_understood(&question, format!("of {told}").as_bytes(), why).into());
        }
        Ok(attached)
    }

    pub(crate) async fn connect(&self, network: &Thing, container: &Container) -> Result<()> {
        let command = self.command(patience::DOCKER_ANSWERS).args(["network", "connect", &network.id, &container.name]);
        command.stdout().await.map(drop).map_err(told_apart)
    }

    /// Takes a container off a network, by name: that network may be no more.
    pub(crate) async fn disconnect(&self, network: &str, container: &Container) -> Result<()> {
        let command =
            self.command(patience::DOCKER_ANSWERS).args(["network", "disconnect", "--force", network, &container.name]);
        command.stdout().await.map(drop).map_err(told_apart)
    }

    /// Where the engine is that is asked: the address of its socket. Empty if docker does not tell.
    pub(crate) async fn endpoint(&self) -> Result<String> {
        let arguments = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"];
        let command = self
            .command(patience::DOCKER_ANSWERS)
            .args(arguments)
            .purpose("tell where its engine is", "docker context inspect");
        let asked = ask(command).await?;
        let told = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        let is_an_address = told.contains("://") && !told.contains(char::is_whitespace);
        Ok(if asked.status.success() && is_an_address { told } else { String::new() })
    }

    /// `question`: in words that complete "docker could not …".
    pub(super) async fn list(&self, question: &str, arguments: &[&str], fields: &[(&str, &str)]) -> Result<Vec<Row>> {
        let format = Row::format(fields);
        let verb: Vec<&str> = arguments.iter().copied().take_while(|word| *word != "--filter").collect();
        let command = self.command(patience::DOCKER_ANSWERS).args(arguments).args(["--format", &format]);
        let listed = answer(command.purpose(question, format!("docker {}", verb.join(" ")))).await?;
        Ok(read(question, &listed)?)
    }

    async fn remove_things(&self, verb: &[&str], things: &[Thing]) -> Result<()> {
        if things.is_empty() {
            return Ok(());
        }
        let ids = things.iter().map(|thing| thing.id.as_str());
        self.command(patience::DOCKER_REMOVES).args(verb).args(ids).stdout().await.map(drop).map_err(told_apart)
    }
}

/// Reads the lines of a list.
fn read(question: &str, listed: &Finished) -> Result<Vec<Row>, Failure> {
    let no_answer = |printed: &[u8], why: &str| not_understood(question, printed, why);
    let row = |line: &[u8]| match serde_json::from_slice::<Row>(line) {
        Ok(row) if row.id.is_empty() => Err(no_answer(line, "it has no id")),
        Ok(row) => Ok(row),
        Err(error) => Err(no_answer(line, &error.to_string())),
    };
    let lines = listed.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows = lines.map(row).collect::<Result<Vec<Row>, Failure>>()?;
    if rows.is_empty() && tell_of_an_error(&String::from_utf8_lossy(&listed.stderr)) {
        return Err(no_answer(&listed.stderr, "it says so, and ends as if it had answered"));
    }
    Ok(rows)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_list_is_read_with_its_labels_or_without() {
        let labelled = r#"{"ID":"7","Names":"a-worker","State":"exited","Networks":"x,y","Cluster":"a","Owner":"0f","User":"ann","Host":"desk","Since":"2026-01-02T03:04:05Z"}"#;
        let container = serde_json::from_str::<Row>(labelled).unwrap().into_container();
        assert_eq!((container.networks, container.maker.unwrap().user), (vec!["x".into(), "y".into()], "ann".into()));
        let bare = r#"{"ID":"7","Cluster":"","Owner":"","User":"","Host":"","Since":""}"#;
        let thing = serde_json::from_str::<Row>(bare).unwrap().into_thing();
        assert_eq!(thing, Thing { id: "7".into(), cluster: None, maker: None });
    }

    #[test]
    fn what_a_person_calls_themselves_does_not_break_a_label() {
        let owner = Owner { id: "0f".into(), user: "an\nn\u{1b}".into(), host: "d".repeat(200) };
        let labels = labels("a", &owner);
        assert!(labels.contains(&format!("{USER}=ann")), "{labels:?}");
        assert!(labels.iter().all(|label| label.len() < 128), "{labels:?}");
    }
}
