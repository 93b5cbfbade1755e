//! When a run is hit, and how: pure data, drawn from a seed.

use std::fmt;

/// One blow.
#[derive(Debug)]
pub(crate) struct Moment {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) place: Place,
    pub(crate) kill: Kill,
    /// Which child is hit, as a part of all: from 0 to below 1.
    pub(crate) child: f64,
    /// Whether the container of the Kubernetes node is killed as well.
    pub(crate) node_too: bool,
}

/// Where in a run. The numbers go from 0 to below 1.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// This part of the whole run.
    Run(f64),
    /// This part of the first second in which bytes arrive, with nothing in the caches.
    Downloads(f64),
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kill {
    /// SIGKILL to the program's group. The programs that it started have groups of their own, and live on.
    Program,
    /// SIGKILL to the program and to all that descend from it.
    Tree,
    /// SIGKILL to one kind, helm or docker below the program.
    Child,
    /// SIGTERM to the program.
    Terminate,
}

/// One in so many moments lies in the downloads.
const DOWNLOADS_ONE_IN: u8 = 6;

/// One in so many blows hits the Kubernetes node too.
const NODE_ONE_IN: u8 = 10;

impl Moment {
    /// Takes the same number of draws whatever comes of them, so that moments do not depend on one another.
    pub(crate) fn draw(random: &mut fastrand::Rng, number: usize) -> Self {
        let part = random.f64();
        let place = if random.u8(..DOWNLOADS_ONE_IN) == 0 { Place::Downloads(part) } else { Place::Run(part) };
        let kinds = [Kill::Program, Kill::Tree, Kill::Child, Kill::Terminate];
        let kill = kinds[random.usize(..kinds.len())];
        let child = random.f64();
        let node_too = random.u8(..NODE_ONE_IN) == 0;
        Self { number, place, kill, child, node_too }
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Program => "SIGKILL to the program",
            Self::Tree => "SIGKILL to the program and all below it",
            Self::Child => "SIGKILL to a child",
            Self::Terminate => "SIGTERM to the program",
        })
    }
}
