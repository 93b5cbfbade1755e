//! What a run tells and what it leaves: events, failures, its log and status, the lock that keeps it alone, the programs that it runs.

#![warn(missing_docs)]

pub mod deadline;
pub mod duration;
pub mod event;
pub mod failure;
pub mod file;
pub mod follow;
pub mod given;
pub mod identity;
pub mod lock;
pub mod logs;
pub mod matrix;
pub mod name;
mod patience;
pub mod process;
pub mod record;
mod redact;
pub mod run_state;
pub mod signals;
pub mod step;
pub mod stop;
pub mod wait;
pub mod work;
