//! What to do about a failure: words, and commands of this program as values, which are written as this run must have them.

use super::disk::GivenPlace;
use crate::step::Stage;

/// What to do. The commands of this program in it are about the run's own cluster, wherever they are pasted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint(Vec<Piece>);

/// A piece of a [`Hint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words; commands of other programs are among them.
    Text(String),
    /// A command, to be written as the run must have it.
    Ours(Ours),
}

macro_rules! commands {
    ($($(#[$about:meta])* $name:ident,)*) => {
        /// A command of this program.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Ours {
            $($(#[$about])* $name,)*
            /// `up --until STAGE`: the same as [`Ours::Up`], up to the end of this stage.
            UpUntil(Stage),
        }

        impl Ours {
            /// Each of them, for a test that each can be typed.
            pub fn all() -> Vec<Self> {
                [$(Self::$name,)*].into_iter().chain(Stage::ALL.map(Self::UpUntil)).collect()
            }
        }
    };
}

commands! {
    /// `up`: makes the cluster, or continues with it.
    Up,
    /// `--killercoda`: adopts the cluster of this machine.
    Adopt,
    /// `tools`: installs the verified tools.
    Tools,
    /// `prefetch`: fetches what needs no cluster.
    Prefetch,
    /// `verify`: checks whether everything holds, and changes nothing.
    Verify,
    /// `prove`: proves again that every node replicates to every other.
    Prove,
    /// `status`: shows the nodes and their subscriptions.
    Status,
    /// `wait`: follows a run until it has ended.
    Wait,
    /// `guide`: plays the lesson in the terminal.
    Guide,
    /// `env`: prints the environment in which kubectl, helm and psql reach the cluster.
    Env,
    /// `down`: removes what this program made, and forgets a cluster that was adopted.
    Down,
    /// `down --take-over`: shows what it would remove of another owner.
    TakeOver,
    /// `down --take-over --yes`: removes that.
    TakeOverNow,
    /// `versions --output json`: prints the built-in pins in the layout of their file.
    Pins,
    /// `stacks show pgedge`: prints the default stack.
    Stack,
    /// `pins check`: compares each pin with what upstream publishes.
    PinsCheck,
}

/// A hint of pieces: words, and commands of this program.
#[macro_export]
macro_rules! hint {
    ($($piece:expr),+ $(,)?) => {
        $crate::failure::Hint::default()$(.and($piece))+
    };
}
pub use crate::hint;

impl Hint {
    /// Adds pieces at the end. The macro [`hint!`](crate::hint) is made of this.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// As a person of this run can paste it.
    pub(super) fn in_words(&self, run: &Invocation) -> String {
        let word = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Ours(command) => format!("`{}`", run.line(*command)),
        };
        self.0.iter().map(word).collect()
    }

    #[cfg(test)]
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(vec![Piece::Text(text)])
    }
}

impl From<Ours> for Hint {
    fn from(command: Ours) -> Self {
        Self(vec![Piece::Ours(command)])
    }
}

/// What this run was given that the next command must be given, too. Each of the options is empty or begins with a space. What
/// comes from a variable is not among them, for the person's shell has it still. How a run prints, and how long it may take, is not
/// kept either: the next command does the same without.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What makes a cluster: `--local` or its like.
    pub mode: &'static str,
    /// What every command needs, or it would be about another cluster, other pins, or other tools.
    pub cluster: String,
    /// Where the release is.
    pub namespace: String,
    /// How many pgEdge nodes a release gets: the cluster knows it afterwards.
    pub nodes: String,
    /// How many Kubernetes nodes kind makes beside the control plane. An adopted cluster takes no such number.
    pub workers: String,
    /// What a command needs that downloads, or that compares what downloads use.
    pub networks: String,
    /// The stage after which a run of `up` was to end.
    pub until: String,
    /// The lesson that `guide` plays, and how.
    pub lesson: String,
    /// What `down` was to remove besides.
    pub purge: String,
    /// What stands before a command that prints the built-in pins: empty, or the variable that names others, made empty. It ends with
    /// a space then.
    pub built_in: String,
    /// The directories that the person named, or their environment.
    pub places: Vec<GivenPlace>,
}

/// The mode in which the cluster of this machine is adopted.
pub const ADOPTING: &str = "--killercoda";

/// The mode of a Codespace or dev container, which `prefetch` knows, too.
pub const IN_CODESPACE: &str = "--codespace";

impl Default for Invocation {
    /// Of a run that was given nothing.
    fn default() -> Self {
        Self {
            mode: "--local",
            cluster: String::new(),
            namespace: String::new(),
            nodes: String::new(),
            workers: String::new(),
            networks: String::new(),
            until: String::new(),
            lesson: String::new(),
            purge: String::new(),
            built_in: String::new(),
            places: Vec::new(),
        }
    }
}

impl Invocation {
    /// The command line of a command that is about the same as this run.
    pub fn line(&self, command: Ours) -> String {
        let Self { mode, cluster, namespace, nodes, workers, networks, until, lesson, purge, .. } = self;
        let up = |mode: &str, until: &str| {
            let workers = if mode == ADOPTING { "" } else { workers };
            format!("{mode}{until}{cluster}{networks}{nodes}{workers}{namespace}")
        };
        let options = match command {
            Ours::Up => up(mode, until),
            Ours::UpUntil(stage) => up(mode, &format!(" --until {stage}", stage = stage.as_str())),
            Ours::Adopt => up(ADOPTING, until),
            Ours::Tools => format!("tools{cluster}{networks}"),
            Ours::Prefetch => {
                let mode = if *mode == IN_CODESPACE { format!(" {IN_CODESPACE}") } else { String::new() };
                format!("prefetch{mode}{cluster}{networks}")
            }
            Ours::Verify => format!("verify{cluster}{networks}{namespace}"),
            Ours::Prove => format!("prove{cluster}{namespace}"),
            Ours::Status => format!("status{cluster}{networks}{namespace}"),
            Ours::Wait => format!("wait{cluster}"),
            Ours::Guide => format!("guide{lesson}{cluster}{nodes}{workers}{namespace}"),
            Ours::Env => format!("env{cluster}{namespace}"),
            Ours::Down => format!("down{purge}{cluster}"),
            Ours::TakeOver => format!("down --take-over{purge}{cluster}"),
            Ours::TakeOverNow => format!("down --take-over --yes{purge}{cluster}"),
            Ours::Pins => return format!("{}pgedge-bootstrap versions --output json", self.built_in),
            Ours::Stack => "stacks show pgedge".to_owned(),
            Ours::PinsCheck => format!("pins check{cluster}{networks}"),
        };
        format!("pgedge-bootstrap {options}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureId;

    fn given() -> Invocation {
        Invocation {
            mode: "--codespace",
            cluster: " --name lab --bin-dir '/a b'".to_owned(),
            namespace: " --namespace pg".to_owned(),
            nodes: " --nodes 2".to_owned(),
            workers: " --workers 1".to_owned(),
            networks: " --mirror http://m".to_owned(),
            ..Invocation::default()
        }
    }

    #[test]
    fn each_command_gets_what_it_understands_of_what_the_run_was_given() {
        let hint = hint!["try ", Ours::Up, ", ", Ours::Status, " or ", Ours::Down, "; `kubectl get nodes --local`"];
        assert_eq!(
            hint.in_words(&given()),
            "try `pgedge-bootstrap --codespace --name lab --bin-dir '/a b' --mirror http://m --nodes 2 --workers 1 --namespace pg`, \
             `pgedge-bootstrap status --name lab --bin-dir '/a b' --mirror http://m --namespace pg` or `pgedge-bootstrap down --name lab --bin-dir '/a b'`; \
             `kubectl get nodes --local`"
        );
        assert_eq!(hint![Ours::Pins].in_words(&given()), "`pgedge-bootstrap versions --output json`");
        assert_eq!(hint![Ours::Up].in_words(&Invocation::default()), "`pgedge-bootstrap --local`");
    }

    /// Words of another program may hold what looks like a command of ours: they are not ours to change.
    #[test]
    fn words_stay_as_they_are() {
        let text = "`pgedge-bootstrap --local` in ` an odd ` text";
        assert_eq!(Hint::from(text).in_words(&given()), text);
    }

    #[test]
    fn no_hint_of_the_table_writes_a_command_of_this_program_as_words() {
        for id in FailureId::ALL {
            for piece in id.hint().pieces() {
                assert!(!matches!(piece, Piece::Text(text) if text.contains("pgedge-bootstrap ")), "{id}: {piece:?}");
            }
        }
    }
}
