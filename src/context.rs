//! What a step may use: the options of the run, the stack, the places on the disk, the tools.

mod foreign;
mod kubeconfig;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use anyhow::{Context as _, Result};
use bootstrap_cluster::adoption::Fit;
use bootstrap_cluster::kubernetes;
use bootstrap_fetch::download::{Authorities, Fetcher, Mirror, Store, TrustedRoots};
use bootstrap_fetch::platform::Platform;
use bootstrap_fetch::sum::Sha256;
use bootstrap_run::failure::Invocation;
use bootstrap_run::matrix::Matrix;
use bootstrap_run::step::Stage;
use tokio::sync::watch;

pub(crate) use self::foreign::made_by_another;
use crate::options::{Options, Provider};
use crate::places::Places;
use crate::stack::{KnownFile, NodeImagePin, OperatorName, Stack, ToolName};
use crate::tools::docker::Docker;
use crate::tools::helm::Helm;
use crate::tools::kind::Kind;

/// Everything that is the same for all steps of a run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) stack: Stack,
    pub(crate) places: Places,
    pub(crate) platform: Platform,
    /// What the run was given, for the commands of hints.
    pub(crate) invocation: Invocation,
    /// The files that were downloaded.
    pub(crate) store: Store,
    pub(crate) docker: Docker,
    /// What the program that gives the credentials of an adopted cluster's kubeconfig has given in this run.
    pub(crate) credentials: kubernetes::Credentials,
    /// The Kubernetes API in the place of the one that the kubeconfig leads to.
    #[cfg(test)]
    pub(crate) mocked_api: Option<kubernetes::mock::MockApi>,
    /// The proof of this run, once there is one.
    pub(crate) proof: OnceLock<Matrix>,
    /// Whether this run has seen a moment ago that every node replicates from every other.
    pub(crate) replicates: AtomicBool,
    /// The slots that this run has had made anew, in words.
    pub(crate) renewed_slots: OnceLock<Vec<String>>,
    /// How far this run goes in an adopted cluster, if it is one that makes something there, or looks whether it could.
    pub(crate) intent: OnceLock<Stage>,
    /// Whether this run has marked the engine with itself: another one's mark is not ours to take away.
    pub(crate) is_marked: AtomicBool,
    /// Whether it was told which cluster that is.
    pub(crate) is_announced: AtomicBool,
    /// The types that this run has found gone and made anew, and what became of their objects, in words.
    pub(crate) lost_types: Mutex<BTreeMap<OperatorName, String>>,
    /// What an adopted cluster has room for, once that is known. It may turn out to be less.
    fit: RwLock<Option<Fit>>,
    /// The release as helm's record in the cluster tells it, once that was read.
    deployed: RwLock<Option<Deployed>>,
    node_image: OnceLock<NodeImagePin>,
    /// What `--ca-file` names, and what is in it once somebody has asked.
    ca_file: Option<PathBuf>,
    authorities: OnceLock<Option<Authorities>>,
    fetcher: OnceLock<Fetcher>,
    /// How many Kubernetes nodes there are to be, once those that docker shows are those that this run goes on with: not
    /// so as long as those of an unfinished cluster may be removed.
    settled: watch::Sender<Option<usize>>,
    /// The sum of the kubeconfig that kind has confirmed in this run.
    checked: tokio::sync::Mutex<Option<Sha256>>,
    /// Whether kind was asked for a kubeconfig and has not answered.
    kind_is_silent: AtomicBool,
}

/// Where a release is, and how many nodes it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployed {
    pub(crate) namespace: String,
    pub(crate) nodes: u8,
}

impl Context {
    pub(crate) fn new(
        options: Options,
        stack: Stack,
        places: Places,
        platform: Platform,
        ca_file: Option<PathBuf>,
    ) -> Self {
        Self {
            options,
            stack,
            store: Store::new(places.cache.clone()),
            places,
            invocation: Invocation::default(),
            platform,
            docker: Docker::new(),
            credentials: kubernetes::Credentials::default(),
            #[cfg(test)]
            mocked_api: None,
            proof: OnceLock::new(),
            replicates: AtomicBool::new(false),
            renewed_slots: OnceLock::new(),
            intent: OnceLock::new(),
            is_marked: AtomicBool::new(false),
            is_announced: AtomicBool::new(false),
            lost_types: Mutex::default(),
            fit: RwLock::default(),
            deployed: RwLock::default(),
            node_image: OnceLock::new(),
            ca_file,
            authorities: OnceLock::new(),
            fetcher: OnceLock::new(),
            settled: watch::Sender::new(None),
            checked: tokio::sync::Mutex::default(),
            kind_is_silent: AtomicBool::new(false),
        }
    }

    /// The certificate authorities of `--ca-file`. The file is read when they are first asked for: it fails nobody who needs none.
    ///
    /// # Errors
    /// Those of [`Authorities::read`].
    pub(crate) fn authorities(&self) -> Result<Option<&Authorities>> {
        if let Some(read) = self.authorities.get() {
            return Ok(read.as_ref());
        }
        let read = self.ca_file.as_deref().map(Authorities::read).transpose()?;
        Ok(self.authorities.get_or_init(|| read).as_ref())
    }

    /// What downloads, made when it is first asked for. A command that is going to download asks at its start, for what is wrong with
    /// the options and variables about the network is better said before anything is done.
    ///
    /// # Errors
    /// Those of [`Self::authorities`], [`TrustedRoots::load`] and [`Fetcher::new`].
    pub(crate) fn fetcher(&self) -> Result<&Fetcher> {
        if let Some(made) = self.fetcher.get() {
            return Ok(made);
        }
        let roots = TrustedRoots::load(self.authorities()?)?;
        let mirror = Mirror::new(self.options.mirror.as_deref())?;
        let made = Fetcher::new(roots, mirror, self.store.clone())?;
        Ok(self.fetcher.get_or_init(|| made))
    }

    /// A client for the Kubernetes API of this run's cluster. The kubeconfig is read each time: a cluster may be made, or made
    /// anew, in the middle of a run.
    ///
    /// # Errors
    /// Those of [`kubernetes::client`] and [`Self::checked_kubeconfig`].
    pub(crate) async fn client(&self) -> Result<kube::Client> {
        self.client_by(async || kubernetes::client(&self.places.kubeconfig, &self.credentials).await).await
    }

    /// As [`Context::client`], for whichever cluster answers where one was adopted: to ask what its user may do there.
    ///
    /// # Errors
    /// Those of [`kubernetes::client_of_whichever`] and [`Self::checked_kubeconfig`].
    pub(crate) async fn client_of_whichever(&self) -> Result<kube::Client> {
        self.client_by(async || kubernetes::client_of_whichever(&self.places.kubeconfig, &self.credentials).await).await
    }

    async fn client_by(&self, adopted: impl AsyncFnOnce() -> Result<kube::Client>) -> Result<kube::Client> {
        let checked = if self.is_adopted() { None } else { Some(self.checked_kubeconfig().await?) };
        #[cfg(test)]
        if let Some(api) = &self.mocked_api {
            return Ok(api.client());
        }
        match checked {
            Some(text) => kubernetes::client_of_kind(&text, &self.places.kubeconfig, &self.credentials).await,
            None => adopted().await,
        }
    }

    pub(crate) fn tool_file(&self, tool: ToolName) -> Result<KnownFile> {
        self.stack.pins.tool_file(tool, self.platform)
    }

    pub(crate) fn is_adopted(&self) -> bool {
        self.options.provider == Provider::Adopted
    }

    pub(crate) fn set_fit(&self, fit: Fit) {
        *self.fit.write().unwrap_or_else(PoisonError::into_inner) = Some(fit);
    }

    pub(crate) fn fit(&self) -> Option<Fit> {
        self.fit.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_deployed(&self, deployed: Deployed) {
        *self.deployed.write().unwrap_or_else(PoisonError::into_inner) = Some(deployed);
    }

    pub(crate) fn deployed(&self) -> Option<Deployed> {
        self.deployed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the release is, or is to be: as it was asked for, or where the cluster has it.
    pub(crate) fn namespace(&self) -> String {
        let asked = self.options.namespace.clone().or_else(|| self.deployed().map(|deployed| deployed.namespace));
        asked.unwrap_or_else(|| Options::NAMESPACE.to_owned())
    }

    /// How many pgEdge nodes there are to be: as many as were asked for, as the cluster has, or as it has room for.
    pub(crate) fn nodes(&self) -> u8 {
        match (self.options.nodes, self.deployed()) {
            (None, Some(deployed)) => deployed.nodes,
            (asked, _) => self.fit().map_or(asked.unwrap_or(Options::NODES), |fit| fit.nodes),
        }
    }

    /// `n1`, `n2`, …
    pub(crate) fn node_names(&self) -> Vec<String> {
        (1..=self.nodes()).map(|number| format!("n{number}")).collect()
    }

    /// In how many directions is replicated.
    pub(crate) fn ordered_pairs(&self) -> usize {
        usize::from(self.nodes()) * usize::from(self.nodes().saturating_sub(1))
    }

    /// Where a tool is put.
    pub(crate) fn tool_place(&self, tool: ToolName) -> PathBuf {
        self.places.bin.join(tool.as_str())
    }

    /// Where a tool is run from: its place, or, beside an adopted cluster, where that machine has it.
    pub(crate) fn tool_path(&self, tool: ToolName) -> PathBuf {
        let place = self.tool_place(tool);
        if !self.is_adopted() || place.exists() {
            return place;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|folder| folder.join(tool.as_str()))
            .find(|file| file.is_file())
            .unwrap_or(place)
    }

    pub(crate) fn kind(&self) -> Kind {
        Kind::new(self.tool_path(ToolName::KIND))
    }

    /// # Errors
    /// Those of [`Self::checked_kubeconfig`]: helm reads the file by itself.
    pub(crate) async fn helm(&self) -> Result<Helm> {
        if !self.is_adopted() {
            self.checked_kubeconfig().await?;
        }
        Ok(Helm::new(self.tool_path(ToolName::HELM), self.places.kubeconfig.clone(), self.places.helm()))
    }

    /// From now on the Kubernetes nodes stay, and there are this many when all have started.
    pub(crate) fn settle_nodes(&self, number: usize) {
        self.settled.send_replace(Some(number));
    }

    pub(crate) fn nodes_are_settled(&self) -> bool {
        self.settled.borrow().is_some()
    }

    /// Returns when the Kubernetes nodes stay: how many there are to be.
    ///
    /// # Errors
    /// None that happens: the sender lives in `self`, so the wait ends by its condition alone.
    pub(crate) async fn settled_nodes(&self) -> Result<usize> {
        let mut settled = self.settled.subscribe();
        let number = *settled.wait_for(Option::is_some).await?;
        number.context("the Kubernetes nodes are not settled")
    }

    /// The newest pinned node image that this host can run.
    pub(crate) async fn node_image(&self) -> Result<&NodeImagePin> {
        if let Some(image) = self.node_image.get() {
            return Ok(image);
        }
        let cgroup_v1 = self.docker.info().await?.cgroup_version == "1";
        let fitting = self.stack.pins.node_images.iter().find(|image| image.cgroup_v1 || !cgroup_v1);
        let image = fitting.context("no pinned node image runs on a host with cgroup v1")?;
        Ok(self.node_image.get_or_init(|| image.clone()))
    }
}
