//! One moment tried: `up` from nothing, a blow, `up` again to the proof, a look at what is left, and `down`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::NAME;
use crate::common::lab::Lab;
use crate::moment::{Kill, Moment, Place};
use crate::processes::{self, Process};
use crate::run::Run;
use crate::tidy::{self, ToolSums};

/// A run takes less than a minute here; on a busy machine it takes a few.
pub(crate) const UP: Duration = Duration::from_secs(5 * 60);

const DOWN: Duration = Duration::from_secs(3 * 60);

/// From SIGTERM to the end.
const TERMINATION: Duration = Duration::from_secs(10);

/// From the start to the first bytes of a download.
const FIRST_BYTES: Duration = Duration::from_secs(60);

/// While no child is there that could be killed, the run is followed for so long until the next look.
const NEXT_LOOK: Duration = Duration::from_millis(5);

/// The first second of the downloads is hit as such.
const DOWNLOADS: Duration = Duration::from_secs(1);

/// In the environment of all that a moment starts.
const SETTING: &str = "PGEDGE_LAB_SWEEP";

/// What all moments share.
pub(crate) struct Sweep<'a> {
    pub(crate) lab: Lab,
    /// Of the run that moments lie in.
    pub(crate) length: Duration,
    pub(crate) outputs: &'a Path,
    pub(crate) tools: ToolSums,
}

/// What came of a moment.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// From the start of the run to the blow.
    pub(crate) at: Duration,
    pub(crate) blow: String,
    /// The steps that were running then.
    pub(crate) running: Vec<String>,
    pub(crate) stages: Vec<String>,
    /// How long the second `up` took.
    pub(crate) again: Option<Duration>,
    /// Nothing, if all is well.
    pub(crate) complaints: Vec<String>,
}

impl<'a> Sweep<'a> {
    /// Fills the caches, and measures a run from no cluster to the proof, unless the moments lie `within` a given time.
    ///
    /// # Errors
    /// What that run does wrong.
    pub(crate) fn prepare(lab: Lab, outputs: &'a Path, within: Option<Duration>) -> Result<Self, String> {
        let mut sweep = Self { lab, length: Duration::ZERO, outputs, tools: ToolSums::new() };
        let pulled = sweep.lab.docker(&["pull", "--quiet", &sweep.lab.node_image()]);
        if pulled.code != 0 {
            return Err(format!("docker cannot pull the node image: {}", pulled.stderr));
        }
        let setting = sweep.setting("uninterrupted");
        let mut filled = Run::start(sweep.up(&setting, &["--until", "tools"]), outputs, "tools");
        filled.wait(UP)?;
        sweep.tools = tidy::pinned_tools(&sweep.lab)?;
        if let Some(within) = within {
            sweep.length = within;
            return Ok(sweep);
        }
        let mut run = Run::start(sweep.up(&setting, &[]), outputs, "uninterrupted");
        sweep.length = run.wait(UP)?.after;
        run.check_proven()?;
        let mut complaints = tidy::complaints(&sweep.lab, &sweep.tools, &setting);
        complaints.extend(sweep.clean_up(&setting, outputs));
        println!("an uninterrupted run took {:.1} s", sweep.length.as_secs_f64());
        if complaints.is_empty() { Ok(sweep) } else { Err(complaints.join("\n")) }
    }

    /// Tries a moment. Whatever comes of it, nothing of it is left for the next one.
    pub(crate) fn try_moment(&self, moment: &Moment) -> Report {
        let folder = self.folder(moment);
        std::fs::create_dir(&folder).unwrap();
        let setting = self.setting(&moment.number.to_string());
        let mut report = Report { blow: moment.kill.to_string(), ..Report::default() };
        let tried = AssertUnwindSafe(|| self.strike_and_go_on(moment, &setting, &folder, &mut report));
        // A panic is a defect of the sweep, and has been told already; the next moment is tried all the same.
        if let Err(why) = catch_unwind(tried).unwrap_or_else(|_| Err("the sweep itself gave up".to_owned())) {
            report.complaints.push(why);
        }
        report.complaints.extend(self.clean_up(&setting, &folder));
        report
    }

    /// Where the outputs of a moment are.
    pub(crate) fn folder(&self, moment: &Moment) -> PathBuf {
        self.outputs.join(format!("moment-{}", moment.number))
    }

    fn strike_and_go_on(
        &self,
        moment: &Moment,
        setting: &str,
        folder: &Path,
        report: &mut Report,
    ) -> Result<(), String> {
        if let Place::Downloads(_) = moment.place {
            self.forget_downloads();
        }
        let mut first = Run::start(self.up(setting, &[]), folder, "first");
        match moment.place {
            Place::Run(part) => first.follow(first.started + self.length.mul_f64(part)),
            Place::Downloads(part) => {
                first.follow_to_first_bytes(FIRST_BYTES)?;
                first.follow(Instant::now() + DOWNLOADS.mul_f64(part));
            }
        }
        let child = if let Kill::Child = moment.kill { a_child(&mut first, moment.child) } else { None };
        report.at = first.started.elapsed();
        report.running = first.running_steps();
        report.stages = first.running_stages();
        let struck = first.ended.is_none() && (moment.kill != Kill::Child || child.is_some());
        report.blow = self.strike(moment, &first, child.as_ref());
        check_first(struck.then_some(moment.kill), &mut first).map_err(|why| format!("the first up: {why}"))?;

        let mut second = Run::start(self.up(setting, &[]), folder, "second");
        let ended = second.wait(UP).map_err(|why| format!("up again: {why}"))?;
        report.again = Some(ended.after);
        second.check_proven().map_err(|why| format!("up again: {why}"))?;
        report.complaints.extend(tidy::complaints(&self.lab, &self.tools, setting));
        Ok(())
    }

    /// Does it, and says what was done.
    fn strike(&self, moment: &Moment, run: &Run, child: Option<&Process>) -> String {
        let mut done = moment.kill.to_string();
        if run.ended.is_some() {
            return format!("{done} came too late");
        }
        match (moment.kill, child) {
            (Kill::Program, _) => run.kill_group(),
            (Kill::Tree, _) => {
                let below = processes::below(run.process);
                run.kill_group();
                below.iter().for_each(Process::kill);
                let names: Vec<&str> = below.iter().map(|process| process.name.as_str()).collect();
                done = format!("{done} ({})", names.join(", "));
            }
            (Kill::Child, Some(child)) => {
                done = format!("{done} ({})", child.line());
                child.kill();
            }
            // The run has just ended, or none was there to the end.
            (Kill::Child, None) => done.push_str(", of which there was none"),
            // A run that has ended by itself in the meantime is told apart by its exit code.
            (Kill::Terminate, _) => drop(rustix::process::kill_process(run.process, Signal::TERM)),
        }
        if moment.node_too {
            let killed = self.lab.docker(&["kill", &format!("{NAME}-control-plane")]);
            done.push_str(if killed.code == 0 { " and to the Kubernetes node" } else { " (no Kubernetes node ran)" });
        }
        done
    }

    /// Removes everything of a moment, by force if it must be, and says what did not go by itself.
    pub(crate) fn clean_up(&self, setting: &str, folder: &Path) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut down = Run::start(self.command(setting, &["down"]), folder, "down");
        let ended = down.wait(DOWN).and_then(|_| down.check_code(0));
        let mut gone = ended.and_then(|()| tidy::docker_has(&self.lab, &[]));
        let state = self.lab.home().join(".local/state/pgedge-bootstrap").join(NAME);
        if gone.is_ok() && state.exists() {
            gone = Err(format!("{} is still there", state.display()));
        }
        // Before anything is removed by force: a program that lives on would make it anew.
        let left = processes::with_setting(setting);
        let lines: Vec<String> = left.iter().map(Process::line).collect();
        left.iter().for_each(Process::kill);
        if let Err(why) = gone {
            complaints.push(format!("down: {why}"));
            complaints.push(self.remove_by_force(&state));
        }
        if !left.is_empty() {
            complaints.push(format!("killed after down:\n{}", lines.join("\n")));
        }
        complaints
    }

    /// The last resort: what has our cluster's label, and its state.
    fn remove_by_force(&self, state: &Path) -> String {
        let label = format!("label=io.x-k8s.kind.cluster={NAME}");
        let containers = self.lab.docker(&["ps", "--all", "--quiet", "--filter", &label]).stdout;
        let containers: Vec<&str> = containers.split_whitespace().collect();
        if !containers.is_empty() {
            self.lab.docker(&[&["rm", "--force", "--volumes"][..], &containers].concat());
        }
        let name = format!("pgedge-bootstrap-{NAME}");
        let network = self.lab.docker(&["network", "rm", &name]);
        self.lab.docker(&["volume", "rm", &name]);
        // What is not there need not be removed, and what stays is seen by the next moment.
        let _ = std::fs::remove_dir_all(state);
        let networks = usize::from(network.code == 0);
        format!("removed by force: {} containers, {networks} networks", containers.len())
    }

    fn forget_downloads(&self) {
        for folder in [self.lab.home().join(".cache/pgedge-bootstrap"), self.lab.bin()] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    pub(crate) fn up(&self, setting: &str, more: &[&str]) -> Command {
        self.command(setting, &[&["up", "--local", "--output", "json"], more].concat())
    }

    fn command(&self, setting: &str, arguments: &[&str]) -> Command {
        let mut command = self.lab.up_command(arguments);
        let (name, value) = setting.split_once('=').unwrap();
        command.args(["--name", NAME]).env(name, value);
        command
    }

    /// What marks the processes of a moment of this sweep, and of no other.
    pub(crate) fn setting(&self, moment: &str) -> String {
        format!("{SETTING}={}-{moment}", std::process::id())
    }
}

/// A kind, helm or docker below the program: this part of all that are there, as soon as there is one.
fn a_child(run: &mut Run, part: f64) -> Option<Process> {
    let end = run.started + UP;
    while run.ended.is_none() && Instant::now() < end {
        let mut children = processes::below(run.process);
        children.retain(|process| ["kind", "helm", "docker"].contains(&process.name.as_str()));
        if !children.is_empty() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a small number")]
            let index = (part * children.len() as f64) as usize;
            return Some(children.swap_remove(index));
        }
        run.follow(Instant::now() + NEXT_LOOK);
    }
    None
}

/// What the blow may make of the first run. Where there was none, or where it came in the run's last instant, the run
/// must be a whole one.
pub(crate) fn check_first(struck: Option<Kill>, first: &mut Run) -> Result<(), String> {
    first.wait(if struck.is_none_or(|kill| kill == Kill::Child) { UP } else { TERMINATION })?;
    match (struck, first.code()) {
        (Some(Kill::Program | Kill::Tree), None) => Ok(()),
        (Some(Kill::Terminate), Some(130)) => first.check_interrupted(),
        (Some(Kill::Child), Some(1)) => first.check_failed_in_order(),
        _ => first.check_proven(),
    }
}
