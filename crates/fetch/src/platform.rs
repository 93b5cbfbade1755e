//! The machine this program was built for, in the words that upstream projects use in their download names.

use std::fmt;

use bootstrap_run::failure::{Failure, FailureId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An operating system and a processor architecture, written `linux/amd64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Linux on x86-64.
    LinuxAmd64,
    /// Linux on 64-bit ARM.
    LinuxArm64,
    /// macOS on x86-64.
    DarwinAmd64,
    /// macOS on 64-bit ARM.
    DarwinArm64,
}

impl Platform {
    /// All of them: each tool is pinned for every one.
    pub const ALL: [Self; 4] = [Self::LinuxAmd64, Self::LinuxArm64, Self::DarwinAmd64, Self::DarwinArm64];

    /// The platform of this build.
    ///
    /// # Errors
    /// [`FailureId::PlatformUnsupported`] where there is nothing to download for it.
    pub fn current() -> Result<Self, Failure> {
        Self::of(std::env::consts::OS, std::env::consts::ARCH)
    }

    fn of(system: &str, processor: &str) -> Result<Self, Failure> {
        match (system, processor) {
            ("linux", "x86_64") => Ok(Self::LinuxAmd64),
            ("linux", "aarch64") => Ok(Self::LinuxArm64),
            ("macos", "x86_64") => Ok(Self::DarwinAmd64),
            ("macos", "aarch64") => Ok(Self::DarwinArm64),
            _ => {
                let what = format!("nothing is pinned for {system} on {processor}");
                Err(Failure::new(FailureId::PlatformUnsupported, what))
            }
        }
    }

    /// The name that the pins use: `linux/amd64`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinuxAmd64 => "linux/amd64",
            Self::LinuxArm64 => "linux/arm64",
            Self::DarwinAmd64 => "darwin/amd64",
            Self::DarwinArm64 => "darwin/arm64",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::ALL
            .into_iter()
            .find(|platform| platform.as_str() == text)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown platform {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_for_which_nothing_is_pinned_is_told_by_its_names() {
        assert_eq!(Platform::of("macos", "aarch64").ok(), Some(Platform::DarwinArm64));
        for (system, processor) in [("linux", "riscv64"), ("freebsd", "x86_64")] {
            let failure = Platform::of(system, processor).err();
            let told = failure.map(|failure| (failure.id(), failure.summary().to_owned()));
            let wanted = format!("nothing is pinned for {system} on {processor}");
            assert_eq!(told, Some((FailureId::PlatformUnsupported, wanted)));
        }
    }
}
