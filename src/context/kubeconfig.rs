//! The kubeconfig of a kind cluster is checked against kind before it is used.
//!
//! The file in the state directory is a copy: kind has the original, and a copy that was replaced would lead to another
//! person's cluster. So `Context::client` and `Context::helm` return nothing until kind has confirmed the same server,
//! authority and user in this run. A check reports what differs. `up` rewrites the file in `cluster` and `kubernetes-api`,
//! which precede every step that writes to the cluster; `prove`, `guide` and `env` rewrite it before they begin.

use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use bootstrap_cluster::kubernetes;
use bootstrap_fetch::download::sum_of_file;
use bootstrap_fetch::sum::Sha256;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::process::Finished;
use bootstrap_run::work::heavy;
use bootstrap_run::{file, given};

use super::{Context, made_by_another};
use crate::owner::Owner;
use crate::stack::ToolName;
use crate::tools::kind::Kind;

impl Context {
    /// The text of our kubeconfig, which leads to the cluster that docker and kind have under our name.
    ///
    /// # Errors
    /// [`FailureId::ClusterMissing`] if there is no file, or no cluster; [`FailureId::ClusterChanged`] if the file leads elsewhere,
    /// [`FailureId::KubeconfigInvalid`] if nowhere. [`FailureId::ClusterForeign`] if it is another owner's; [`FailureId::KubernetesAway`] if kind cannot tell at this moment,
    /// [`FailureId::StepDoesNotHold`] if it is not here, and those of a docker that cannot be asked.
    pub(crate) async fn checked_kubeconfig(&self) -> Result<Vec<u8>> {
        let place = &self.places.kubeconfig;
        // Those who ask at the same time get one answer.
        let mut checked = self.checked.lock().await;
        let Some(copy) = self.copy()? else { return Err(kubernetes::no_kubeconfig(place).into()) };
        let sum = Sha256::of(&copy);
        if checked.as_ref() == Some(&sum) {
            return Ok(copy);
        }
        // What cannot be used is known without kind.
        kubernetes::strays(&copy, &copy, place)?;
        let told = self.told_by_kind().await?;
        if let Some(why) = kubernetes::strays(&copy, &told, place)? {
            let what = format!("the kubeconfig {} does not lead to the cluster {:?}", place.display(), self.name());
            let hint = hint!["nothing was sent to where it leads; ", Ours::Up, " rewrites it"];
            return Err(Failure::new(FailureId::ClusterChanged, what).evidence(why).hint(hint).into());
        }
        *checked = Some(sum);
        self.lead_shells(&copy);
        Ok(copy)
    }

    /// Gives those shells the cluster to which `env` could not give it. What cannot be written leaves them where they are: nowhere.
    fn lead_shells(&self, confirmed: &[u8]) {
        let shell = &self.places.shell;
        if shell.exists() {
            let _ = file::replace(shell, confirmed, file::PRIVATE);
        }
    }

    /// Sees to it that our kubeconfig leads to the cluster that kind has under our name: the caller knows that this one is ours.
    /// Returns what was wrong with one that was there, or kind's words if it does not have it yet.
    pub(crate) async fn write_kubeconfig(&self) -> Result<Result<Option<String>, String>> {
        let place = &self.places.kubeconfig;
        let mut checked = self.checked.lock().await;
        let copy = self.copy();
        if let (Some(checked), Ok(Some(copy))) = (checked.as_ref(), &copy)
            && *checked == Sha256::of(copy)
        {
            return Ok(Ok(None));
        }
        let told = self.kubeconfig_of_kind().await?;
        if !told.status.success() {
            return Ok(Err(told.tail()));
        }
        if let Err(failure) = kubernetes::strays(&told.stdout, &told.stdout, place) {
            return Ok(Err(format!("kind returned no kubeconfig: {}", failure.seen().join("; "))));
        }
        let (keeps, why) = match copy {
            Ok(None) => (false, None),
            Ok(Some(copy)) => match kubernetes::strays(&copy, &told.stdout, place) {
                Ok(None) => (true, None),
                Ok(Some(why)) => (false, Some(why)),
                Err(failure) => (false, Some(failure.seen().join("; "))),
            },
            Err(error) => (false, Some(error.to_string())),
        };
        if !keeps {
            file::replace(place, &told.stdout, file::PRIVATE).context("cannot write the kubeconfig")?;
        }
        let copy = self.copy()?;
        if let Some(copy) = &copy {
            self.lead_shells(copy);
        }
        *checked = copy.map(Sha256::of);
        Ok(Ok(why))
    }

    fn name(&self) -> &str {
        self.options.name.as_str()
    }

    /// What is in the place of our kubeconfig.
    fn copy(&self) -> Result<Option<Vec<u8>>> {
        let place = &self.places.kubeconfig;
        if !place.exists() {
            return Ok(None);
        }
        let invalid = |seen: &str| kubernetes::invalid_of_ours(place, seen.to_owned());
        given::read(place).map(Some).map_err(|unread| unread.told(invalid))
    }

    async fn told_by_kind(&self) -> Result<Vec<u8>> {
        let name = self.name();
        // docker's own words for what keeps it from answering are better than kind's.
        let (dockers, nodes) = tokio::join!(self.docker.is_dockers(), self.docker.kind_containers(name));
        dockers?;
        let control_plane = format!("{name}-control-plane");
        let nodes = nodes?;
        let Some(node) = nodes.iter().find(|node| node.name == control_plane) else {
            let failure = Failure::new(FailureId::ClusterMissing, format!("there is no cluster {name:?}"));
            return Err(failure.evidence(format!("docker has no container {control_plane}")).into());
        };
        // Of another owner's server nothing is asked, and no credentials go there.
        if let Some(maker) = &node.maker
            && Owner::known(&self.places.owner)?.as_deref() != Some(maker.owner.as_str())
        {
            // Whose it is is known; a docker that does not tell of a run of theirs takes nothing from that.
            let mark = self.docker.claim(&self.options.name.in_docker()).await.ok().and_then(|(_, mark)| mark);
            return Err(made_by_another(&self.options.name, maker, &nodes, mark.as_ref(), &self.places.owner).into());
        }
        let away = |seen: String| {
            let what = "the kubeconfig cannot be confirmed at this moment";
            Failure::new(FailureId::KubernetesAway, what).evidence(seen)
        };
        if !node.is_running() {
            return Err(away(format!("Kubernetes node {control_plane} is {}", node.state)).into());
        }
        let told = self.kubeconfig_of_kind().await?;
        if !told.status.success() {
            return Err(away(told.tail()).into());
        }
        // Nothing is wrong with the file of ours because kind's words are none.
        if let Err(failure) = kubernetes::strays(&told.stdout, &told.stdout, &self.places.kubeconfig) {
            return Err(away(format!("kind prints no kubeconfig: {}", failure.seen().join("; "))).into());
        }
        Ok(told.stdout)
    }

    async fn kubeconfig_of_kind(&self) -> Result<Finished> {
        let kind = self.verified_kind().await?;
        self.kind_is_silent.store(true, Ordering::Relaxed);
        let told = kind.kubeconfig(self.name()).await;
        self.kind_is_silent.store(false, Ordering::Relaxed);
        told
    }

    /// Whether kind was asked for a kubeconfig and has not answered: whoever asked may have given up meanwhile.
    pub(crate) fn kind_is_silent(&self) -> bool {
        self.kind_is_silent.load(Ordering::Relaxed)
    }

    /// kind, if the file in its place is the one that is pinned: another one is never run.
    async fn verified_kind(&self) -> Result<Kind> {
        let (path, wanted) = (self.tool_path(ToolName::KIND), self.tool_file(ToolName::KIND)?.sha256);
        let found = heavy(move || sum_of_file(&path)).await?;
        let lack = match found {
            Some(found) if found == wanted => return Ok(self.kind()),
            Some(_) => "is not the one that is pinned",
            None => "is not installed",
        };
        let what = format!("the kubeconfig can only be confirmed by kind, which {lack}");
        Err(Failure::new(FailureId::StepDoesNotHold, what).hint(hint![Ours::Tools, " installs it"]).into())
    }

    /// As if kind had told what is in our kubeconfig.
    #[cfg(test)]
    pub(crate) fn trust_kubeconfig(&mut self) -> Result<()> {
        *self.checked.get_mut() = self.copy()?.map(Sha256::of);
        Ok(())
    }
}
