//! What a step may use: the options of the run, the pins, the places on the disk, the tools.

use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError, RwLock};

use anyhow::{Context as _, Result};
use tokio::sync::watch;

use crate::adoption::Fit;
use crate::download::{Fetcher, Mirror, Store, TrustedRoots};
use crate::matrix::Matrix;
use crate::options::{Options, Provider};
use crate::pins::{FilePin, NodeImagePin, Pins, Tool};
use crate::places::Places;
use crate::platform::Platform;
use crate::tools::docker::Docker;
use crate::tools::helm::Helm;
use crate::tools::kind::Kind;

/// Everything that is the same for all steps of a run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) pins: Pins,
    pub(crate) places: Places,
    pub(crate) platform: Platform,
    pub(crate) fetcher: Fetcher,
    pub(crate) docker: Docker,
    /// The proof of this run, once there is one.
    pub(crate) proof: OnceLock<Matrix>,
    /// What an adopted cluster has room for, once that is known. It may turn out to be less.
    fit: RwLock<Option<Fit>>,
    node_image: OnceLock<NodeImagePin>,
    /// How many Kubernetes nodes there are to be, once those that docker shows are those that this run goes on with: not
    /// so as long as those of an unfinished cluster may be removed.
    settled: watch::Sender<Option<usize>>,
}

impl Context {
    pub(crate) fn new(options: Options, pins: Pins, places: Places, platform: Platform) -> Result<Self> {
        let roots = TrustedRoots::load(options.ca_file.as_deref())?;
        let mirror = Mirror::new(options.mirror.as_deref())?;
        let fetcher = Fetcher::new(roots, mirror, Store::new(places.cache.clone()))?;
        Ok(Self {
            options,
            pins,
            places,
            platform,
            fetcher,
            docker: Docker::new(),
            proof: OnceLock::new(),
            fit: RwLock::default(),
            node_image: OnceLock::new(),
            settled: watch::Sender::new(None),
        })
    }

    pub(crate) fn tool_file(&self, tool: Tool) -> Result<&FilePin> {
        self.pins.tool_file(tool, self.platform)
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

    /// How many pgEdge nodes there are to be.
    pub(crate) fn nodes(&self) -> u8 {
        self.fit().map_or(self.options.nodes, |fit| fit.nodes)
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
    pub(crate) fn tool_place(&self, tool: Tool) -> PathBuf {
        self.places.bin.join(tool.as_str())
    }

    /// Where a tool is run from: its place, or, beside an adopted cluster, where that machine has it.
    pub(crate) fn tool_path(&self, tool: Tool) -> PathBuf {
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
        Kind::new(self.tool_path(Tool::Kind))
    }

    pub(crate) fn helm(&self) -> Helm {
        Helm::new(self.tool_path(Tool::Helm), self.places.kubeconfig.clone(), self.places.cache.join("helm"))
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
        let fitting = self.pins.node_images.iter().find(|image| image.cgroup_v1 || !cgroup_v1);
        let image = fitting.context("no pinned node image runs on a host with cgroup v1")?;
        Ok(self.node_image.get_or_init(|| image.clone()))
    }
}
