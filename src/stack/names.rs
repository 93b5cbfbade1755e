//! The names by which a stack calls its parts. Copied like numbers.

use std::fmt;

use bootstrap_run::name;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name of an operator leaves place for what is put behind it in the name of a step.
const LONGEST: usize = 40;

/// A program that is placed into the bin directory; the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ToolName(&'static str);

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ImageRole(&'static str);

/// An operator, and its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OperatorName {
    name: &'static str,
    /// The name of the step that fetches its manifest.
    manifest: &'static str,
}

impl ToolName {
    /// Installs the chart.
    pub(crate) const HELM: Self = Self("helm");
    /// Makes the cluster.
    pub(crate) const KIND: Self = Self("kind");
    /// For the user: this program drives the API itself.
    pub(crate) const KUBECTL: Self = Self("kubectl");

    pub(crate) const fn as_str(self) -> &'static str {
        self.0
    }

    fn read(text: &str) -> Option<Self> {
        name::kept(text).map(Self)
    }
}

impl ImageRole {
    /// What the operator of the default stack runs.
    #[cfg(test)]
    pub(crate) const CLOUDNATIVE_PG: Self = Self("cloudnative-pg");
    /// What a pgEdge node runs.
    pub(crate) const POSTGRES: Self = Self("postgres");
    /// The job that wires pgEdge nodes.
    pub(crate) const INIT_SPOCK: Self = Self("init-spock");

    pub(crate) const fn as_str(self) -> &'static str {
        self.0
    }

    fn read(text: &str) -> Option<Self> {
        name::kept(text).map(Self)
    }
}

impl OperatorName {
    #[cfg(test)]
    pub(crate) const CERT_MANAGER: Self = Self { name: "cert-manager", manifest: "cert-manager-manifest" };
    #[cfg(test)]
    pub(crate) const CLOUDNATIVE_PG: Self = Self { name: "cloudnative-pg", manifest: "cloudnative-pg-manifest" };

    pub(crate) const fn as_str(self) -> &'static str {
        self.name
    }

    /// `cert-manager-manifest`
    pub(crate) const fn manifest_step(self) -> &'static str {
        self.manifest
    }

    /// `None` if this is no name of an operator.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let manifest = name::kept(&format!("{text}-manifest"))?;
        name::kept(text).map(|name| Self { name, manifest })
    }
}

/// A name is read and written as text.
macro_rules! as_text {
    ($type:ident: $what:literal, $longest:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let why = || {
                    format!(
                        "{text:?} is not the name of {}: 1 to {} lower-case letters, digits and dashes",
                        $what, $longest
                    )
                };
                Self::read(&text).ok_or_else(|| D::Error::custom(why()))
            }
        }

        #[cfg(test)]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": concat!("^[a-z0-9-]{1,", $longest, "}$")})
            }
        }
    };
}
as_text!(ToolName: "a tool", 64);
as_text!(ImageRole: "an image", 64);
as_text!(OperatorName: "an operator", 40);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_operator_has_a_step_for_its_manifest() {
        let name = OperatorName::read("cert-manager").unwrap();
        assert_eq!((name.as_str(), name.manifest_step()), ("cert-manager", "cert-manager-manifest"));
        assert_eq!(Some(name), OperatorName::read("cert-manager"));
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_one_is() {
        for text in ["Helm", "two words", "", "../helm", &"x".repeat(65)] {
            let error = serde_json::from_value::<ToolName>(text.into()).unwrap_err().to_string();
            assert!(error.contains("is not the name of a tool: 1 to 64"), "{error}");
        }
        assert!(serde_json::from_value::<OperatorName>("x".repeat(41).into()).is_err());
    }
}
