//! What is to run, as data: tools, operators, a chart and images, each pinned. `stacks/` has those that are compiled in.
//!
//! Reading is strict: what is not understood is an error with its file and line.

mod choice;
mod names;
mod operator;
mod pins;
mod place;
#[cfg(test)]
mod schema;
mod upstream;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use bootstrap_run::given;
use indexmap::IndexMap;
use serde::Deserialize;

pub(crate) use self::choice::{BUILT_IN, Memory};
pub(crate) use self::names::{ImageRole, OperatorName, ToolName};
pub(crate) use self::operator::{Operator, Question};
pub(crate) use self::pins::{ChartPin, ImagePin, KnownFile, ManifestPin, NodeImagePin, Pins};
pub(crate) use self::place::{place_of, quoted_as};
pub(crate) use self::upstream::{
    CosignProof, FileFacts, FileSignature, GpgFacts, Identity, ImageFacts, ImageSignature, NewestFacts, PublicKey,
    Upstream,
};

/// The one layout of a stack that this program understands.
const SCHEMA: u32 = 2;

/// The names of steps that are there whatever the stack is. No tool and no operator can be called like one.
pub(crate) const FIXED_STEPS: [&str; 11] = [
    "docker",
    "node-image",
    "chart",
    "kubernetes-api",
    "cluster",
    "images",
    "room",
    "release",
    "nodes",
    "replication",
    "proof",
];

/// What is to run.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// What its chart is called in titles: `pgEdge`.
    pub(crate) title: String,
    pub(crate) product: Option<Product>,
    pub(crate) programs: IndexMap<ToolName, Program>,
    /// In the order in which they are shown and installed.
    pub(crate) operators: IndexMap<OperatorName, Operator>,
    pub(crate) release: Release,
    pub(crate) upstream: Upstream,
    pub(crate) pins: Pins,
    /// The name of one that is compiled in, or the absolute path of its file.
    origin: String,
    /// The file that it was read from.
    text: String,
}

/// The file of a stack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "A stack of pgedge-bootstrap"))]
struct File {
    /// The layout of this file: 2.
    schema: u32,
    /// What the chart is called in titles.
    title: String,
    /// Which steps of its own the program has for what the chart installs. Without, a run ends when the release is there.
    #[serde(default)]
    product: Option<Product>,
    /// The programs that are placed into the bin directory. `kind` and `kubectl` are among them, and `helm` installs the chart.
    tools: IndexMap<ToolName, pins::ToolPin>,
    /// How programs tell their version, by the names of `tools`. One that is not named here is placed and not run.
    #[serde(default)]
    programs: IndexMap<ToolName, Program>,
    /// The images of Kubernetes nodes, the newest Kubernetes first; the first one that the host can run is taken.
    node_images: Vec<pins::NodeImagePin>,
    /// The manifests of the operators, by the names of `operators`.
    #[serde(default)]
    manifests: IndexMap<OperatorName, ManifestPin>,
    /// The operators, in the order in which they are shown.
    #[serde(default)]
    operators: IndexMap<OperatorName, Operator>,
    /// The chart that is installed once the operators answer.
    #[serde(default)]
    chart: Option<ChartPin>,
    /// The release of the chart.
    #[serde(default)]
    release: Release,
    /// The images that run in the cluster, in the order in which they are pulled: the largest first.
    #[serde(default)]
    images: IndexMap<ImageRole, ImagePin>,
    /// What upstreams publish: for `pins check`.
    #[serde(default)]
    upstream: Upstream,
}

/// What is known of the release beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Release {
    /// What the chart makes, as `kubectl auth can-i` takes it: `jobs.batch`. Whether the user may do so is asked before the first
    /// write in a cluster that was there before.
    pub(crate) resources: Vec<String>,
}

/// What has steps of its own in this program, beyond those of every stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Product {
    /// Its nodes, their replication, the proof of it, and how many of them there is room for.
    Pgedge,
}

/// How a program is asked for its version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Program {
    /// What it is run with.
    pub(crate) version_arguments: Vec<String>,
    /// The answer is JSON, and this is the place of the version in it (RFC 6901).
    #[serde(default)]
    pub(crate) pointer: Option<String>,
    /// The version is the word behind this one.
    #[serde(default)]
    pub(crate) behind: Option<String>,
}

/// What is wrong with a stack: at this place (RFC 6901), and why.
type Wrong = (String, String);

impl Program {
    /// The version in its answer; empty if there is none.
    pub(crate) fn version_in(&self, answer: &str) -> String {
        let part = match (&self.pointer, &self.behind) {
            (Some(pointer), _) => {
                let answer: serde_json::Value = serde_json::from_str(answer).unwrap_or_default();
                return answer.pointer(pointer).and_then(|version| version.as_str()).unwrap_or_default().to_owned();
            }
            (None, Some(word)) => answer.split_once(word).and_then(|(_, rest)| rest.split_whitespace().next()),
            (None, None) => Some(answer.trim()),
        };
        part.unwrap_or_default().to_owned()
    }
}

impl Stack {
    /// The text of the stack that is used where no other is named.
    pub(crate) const PGEDGE: &'static str = include_str!("../stacks/pgedge.yaml");

    /// The stack that is used where no other is named.
    ///
    /// # Errors
    /// None that happens: a test reads it.
    pub(crate) fn pgedge() -> Result<&'static Self> {
        static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
        let stack =
            STACK.get_or_init(|| Self::parse("stacks/pgedge.yaml", Self::PGEDGE).map_err(|error| error.to_string()));
        stack.as_ref().map_err(|why| anyhow!("a stack that is compiled in is broken: {why}"))
    }

    /// Reads a stack; `path` is for the words of errors.
    ///
    /// # Errors
    /// `<path>:<line>: <what is wrong>`.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            let words = error.without_snippet().to_string();
            let words = given::parser_words(words.lines().next().unwrap_or_default());
            // The line stands before it.
            let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
            anyhow!("{path}:{line}: {words}")
        })?;
        match file.wrong() {
            Some((pointer, why)) => Err(anyhow!("{path}:{}: {why}", place::line_of(text, &pointer))),
            None => Ok(file.into_stack(text)),
        }
    }

    /// The same with other pins.
    ///
    /// # Errors
    /// Pins that are not of the same tools, operators and images, in words.
    pub(crate) fn with_pins(self, given: Pins) -> Result<Self> {
        anyhow::ensure!(!given.node_images.is_empty(), "no node image is pinned");
        let own = self.pins;
        anyhow::ensure!(own.chart.is_some() || given.chart.is_none(), "the stack has no chart, and one is pinned");
        anyhow::ensure!(own.chart.is_none() || given.chart.is_some(), "the chart is not pinned");
        let pins = Pins {
            schema: given.schema,
            tools: in_order("tool", &own.tools, given.tools)?,
            node_images: given.node_images,
            manifests: in_order("manifest", &own.manifests, given.manifests)?,
            chart: given.chart,
            images: in_order("image", &own.images, given.images)?,
        };
        Ok(Self { pins, ..self })
    }

    /// The file that it was read from.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has the steps that only pgEdge has.
    pub(crate) fn is_pgedge(&self) -> bool {
        self.product == Some(Product::Pgedge)
    }

    /// # Errors
    /// There is no such operator.
    pub(crate) fn operator(&self, name: OperatorName) -> Result<&Operator> {
        self.operators.get(&name).ok_or_else(|| anyhow!("the stack has no operator {name}"))
    }

    pub(crate) fn tools(&self) -> impl Iterator<Item = ToolName> {
        self.pins.tools.keys().copied()
    }

    pub(crate) fn operator_names(&self) -> impl Iterator<Item = OperatorName> {
        self.operators.keys().copied()
    }
}

/// What was given for each of the stack's own, in the order of those.
fn in_order<K: Hash + Eq + Display, V>(
    what: &str,
    own: &IndexMap<K, V>,
    mut given: IndexMap<K, V>,
) -> Result<IndexMap<K, V>> {
    if let Some(name) = own.keys().find(|name| !given.contains_key(*name)) {
        anyhow::bail!("there is no pin for the {what} {name}");
    }
    if let Some(name) = given.keys().find(|name| !own.contains_key(*name)) {
        anyhow::bail!("`{name}` cannot stand here: the stack has no such {what}");
    }
    given.sort_by_key(|name, _| own.get_index_of(name));
    Ok(given)
}

impl File {
    fn into_stack(self, text: &str) -> Stack {
        let Self {
            title,
            product,
            tools,
            programs,
            node_images,
            manifests,
            operators,
            chart,
            release,
            images,
            upstream,
            schema: _,
        } = self;
        let pins = Pins { schema: pins::SCHEMA, tools, node_images, manifests, chart, images };
        Stack {
            title,
            product,
            programs,
            operators,
            release,
            upstream,
            pins,
            origin: String::new(),
            text: text.to_owned(),
        }
    }

    /// The first thing that is wrong with it, beyond what its types say.
    fn wrong(&self) -> Option<Wrong> {
        self.wrong_layout()
            .or_else(|| self.wrong_tool())
            .or_else(|| self.wrong_operator())
            .or_else(|| self.wrong_upstream())
            .or_else(|| self.wrong_product())
            .or_else(|| {
                let (pointer, why) = self.chart.as_ref()?.odd_path()?;
                Some((format!("/chart{pointer}"), why))
            })
    }

    fn wrong_layout(&self) -> Option<Wrong> {
        if self.schema != SCHEMA {
            return wrong("/schema", format!("schema {} is not the supported one, {SCHEMA}", self.schema));
        }
        if self.node_images.is_empty() {
            return wrong("/node_images", "no node image is pinned");
        }
        let tools = self.tools.keys().map(|tool| ("tools", tool.as_str(), tool.as_str()));
        let operators = self.operators.keys().flat_map(|operator| {
            let name = operator.as_str();
            [("operators", name, name), ("operators", name, operator.manifest_step())]
        });
        let mut taken: BTreeSet<&str> = FIXED_STEPS.into();
        let (section, name, step) = tools.chain(operators).find(|(_, _, step)| !taken.insert(step))?;
        wrong(&format!("/{section}/{name}"), format!("{name} cannot be called so: there is another step {step:?}"))
    }

    fn wrong_tool(&self) -> Option<Wrong> {
        let needed = [ToolName::KIND, ToolName::KUBECTL].into_iter().chain(self.chart.as_ref().map(|_| ToolName::HELM));
        for tool in needed {
            if !self.tools.contains_key(&tool) {
                return wrong("/tools", format!("the tool {tool} is missing"));
            }
        }
        let unknown = self.programs.keys().find(|tool| !self.tools.contains_key(*tool));
        unknown.and_then(|tool| wrong(&format!("/programs/{tool}"), format!("there is no tool {tool}")))
    }

    fn wrong_operator(&self) -> Option<Wrong> {
        if let Some(name) = self.manifests.keys().find(|name| !self.operators.contains_key(*name)) {
            return wrong(&format!("/manifests/{name}"), format!("there is no operator {name}"));
        }
        for (name, operator) in &self.operators {
            let here = format!("/operators/{name}");
            if !self.manifests.contains_key(name) {
                return wrong(&here, format!("the operator {name} has no manifest: it is to be pinned in `manifests`"));
            }
            if operator.deployments.is_empty() {
                return wrong(&format!("{here}/deployments"), format!("the operator {name} has no Deployment"));
            }
            if let Some((deployment, image)) =
                operator.deployments.iter().find(|(_, image)| !self.images.contains_key(*image))
            {
                let why = format!(
                    "there is no image {image} for the Deployment {deployment}: it is to be pinned in `images`"
                );
                return wrong(&format!("{here}/deployments/{}", place::escaped(deployment)), why);
            }
            if let Some(probe) = &operator.probe
                && !probe.is_of_one_kind()
            {
                return wrong(&format!("{here}/probe/denied"), "both objects of a probe are of one kind and version");
            }
        }
        None
    }

    /// What the steps of a product use by name.
    fn wrong_product(&self) -> Option<Wrong> {
        if self.product.is_none() {
            return wrong(
                "/title",
                "the field `product` is missing: this version runs stacks of `product: pgedge` only",
            );
        }
        if self.chart.is_none() {
            return wrong("/product", "pgEdge is installed from a chart, and there is none");
        }
        let needed = [ImageRole::POSTGRES, ImageRole::INIT_SPOCK].into_iter();
        let lacking = needed.into_iter().find(|role| !self.images.contains_key(role))?;
        wrong("/images", format!("pgEdge needs the image {lacking}, and there is none"))
    }

    fn wrong_upstream(&self) -> Option<Wrong> {
        let Upstream { tools, manifests, images, .. } = &self.upstream;
        let tool = tools.keys().find(|name| !self.tools.contains_key(*name)).map(|name| ("tools", name.as_str()));
        let manifest = || {
            manifests.keys().find(|name| !self.manifests.contains_key(*name)).map(|name| ("manifests", name.as_str()))
        };
        let image =
            || images.keys().find(|name| !self.images.contains_key(*name)).map(|name| ("images", name.as_str()));
        let (section, name) = tool.or_else(manifest).or_else(image)?;
        wrong(&format!("/upstream/{section}/{name}"), format!("{name} is not in `{section}`"))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a search")]
fn wrong(pointer: &str, why: impl Into<String>) -> Option<Wrong> {
    Some((pointer.to_owned(), why.into()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
